#include "test/fuzz/world.h"

#include <algorithm>
#include <utility>

#include "test/core/stream.h"
#include "test/fuzz/input.h"

namespace fuzz {

/// Log lines: each is one line, whatever clients call themselves.
class World::Lines final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType type) const noexcept override {
    return debug || type != broker::LogType::debug;
  }
  void write(broker::LogType /*type*/, std::string_view line) override {
    require(!line.empty(), "a log line says something");
  }
  bool debug = false;
};

/// Some topics are forbidden, each in one way.
class World::Rules final : public broker::Permissions, public broker::Authority {
 public:
  [[nodiscard]] bool allows(broker::Access access, std::string_view topic,
                            const broker::Identity& who) const override {
    if (access == broker::Access::receive && topic == "t/b") return false;
    if (access == broker::Access::publish && topic.starts_with("u")) return false;
    return who.client_id != "c" || access == broker::Access::subscribe || topic != "t";
  }
  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions_of(
      std::uint16_t /*listener*/, std::string_view user_name) const override {
    return user_name == "u1" ? std::make_shared<const Rules>() : nullptr;
  }
};

World::World(const Setting& setting)
    : setting_(setting), log_(std::make_unique<Lines>()), rules_(std::make_unique<Rules>()) {
  if (setting.forbids) permissions = std::make_shared<const Rules>();
  begin(setting.shards);
}

World::~World() = default;

void World::begin(std::uint32_t shards) {
  broker::ShardOptions options;
  options.home_key[0] = 0x0123456789ABCDEF;
  options.home_key[1] = 0xFEDCBA9876543210;
  options.version = "fuzz";
  options.limits = setting_.limits;
  options.durability = setting_.durability;
  options.listeners.push_back(setting_.policy);
  if (setting_.forbids) options.authority = rules_.get();
  options.seed = generation_;
  host_.emplace(std::move(options), shards, *log_);
  host_->tick(now_);
  mailboxes_.resize(shards);
  if (setting_.durability != broker::Durability::none) store_.load(host_->pointers(), now_);
  end_turns();
}

World::Client* World::find(std::uint32_t shard, broker::ConnectionId id) {
  for (Client& client : clients) {
    if (client.open && client.shard == shard && client.id == id) return &client;
  }
  return nullptr;
}

broker::ConnectionId World::open_on(std::uint32_t shard, bool moved) {
  std::uint32_t slot = next_slot_;
  if (free_slots_.empty()) {
    ++next_slot_;
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  const broker::ConnectionId id{slot, ++generation_};
  broker::Origin origin{0, 4711, "10.0.0.1", "mqtt"};
  origin.moved = moved;
  (*host_)[shard].opened(id, origin, now_);
  return id;
}

void World::open(Client& client, std::uint32_t shard) {
  lose(client, broker::CloseCause::connection_lost);
  client = Client{};
  client.shard = shard;
  client.open = true;
  deliver(shard);
  client.id = open_on(shard);
  end_turns();
}

void World::send(Client& client, std::string_view bytes) {
  const std::size_t step = feeds_bytes ? 1 : std::max<std::size_t>(bytes.size(), 1);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    if (!client.open || client.deciding) return;
    client.fresh = false;
    deliver(client.shard);
    if (!receive(client, bytes.substr(at, step))) return;
  }
}

/// The bytes live on the heap, in just their size, until what borrows from them was written.
bool World::receive(Client& client, std::string_view bytes) {
  const auto copy = exact_copy(bytes);
  const broker::ConnectionId id = client.id;
  const bool go_on = (*host_)[client.shard].received(client.id, copy, now_);
  if (client.open && client.id == id) client.deciding = !go_on;
  end_turns();
  return go_on;
}

void World::lose(Client& client, broker::CloseCause cause) {
  if (!client.open) return;
  client.open = false;
  deliver(client.shard);
  (*host_)[client.shard].closed(client.id, cause, now_);
  free_slots_.push_back(client.id.slot);
  end_turns();
}

void World::writable(Client& client, std::size_t queued_bytes) {
  if (!client.open) return;
  (*host_)[client.shard].writable(client.id, queued_bytes, now_);
  end_turns();
}

void World::pass(std::int64_t milliseconds, std::int64_t step_milliseconds) {
  const broker::Instant end = broker::after_milliseconds(now_, milliseconds);
  while (now_ < end) {
    now_ = std::min(end, broker::after_milliseconds(now_, step_milliseconds));
    host_->tick(now_);
    end_turns();
  }
}

void World::publish_sys(std::string_view topic, std::string_view payload, bool retain) {
  (*host_)[0].publish_sys(topic, payload, retain, now_);
  end_turns();
}

void World::shut_down() {
  for (const auto& shard : *host_) shard->shut_down(now_);
  end_turns();
}

void World::decide(const broker::Verdict& verdict) {
  if (logins_.empty()) return;
  const Login login = logins_.front();
  logins_.pop_front();
  deliver(login.shard);
  (*host_)[login.shard].decided(login.connection, verdict, now_);
  if (Client* const client = find(login.shard, login.connection)) client->deciding = false;
  end_turns();
}

void World::deliver(std::uint32_t shard) {
  while (!mailboxes_[shard].empty()) {
    Mail mail = std::move(mailboxes_[shard].front());
    mailboxes_[shard].pop_front();
    host_->deliver(mail.from, shard, mail.messages, now_);
  }
}

void World::write(std::size_t count, bool told) {
  for (Writing& one : writing_) {
    if (count == 0) break;
    if (!one.written) {
      store_.apply(one.batch);
      --count;
    }
    one.written = true;
  }
  while (told && !writing_.empty() && writing_.front().written) {
    const Writing done = std::move(writing_.front());
    writing_.pop_front();
    (*host_)[done.shard].committed(done.batch.position, now_);
  }
}

void World::crash(std::uint32_t shards) {
  for (Client& client : clients) client.open = client.deciding = false;
  host_.reset();
  mailboxes_.clear();
  writing_.clear();
  logins_.clear();
  free_slots_.clear();
  next_slot_ = 0;
  if (setting_.durability == broker::Durability::none) store_ = {};
  begin(shards);
}

void World::end_turns() {
  // As a loop does: a few rounds, then it looks for input again.
  for (int round = 0; round < 4; ++round) {
    bool busy = false;
    for (std::uint32_t i = 0; i < shards(); ++i) busy = end_turn(i) || busy;
    if (!busy) return;
  }
}

class World::Loops final : public test::Host::Part {
 public:
  explicit Loops(World& world) : world_(world) {}

  void journal(std::uint32_t index, broker::Shard& shard) {
    if (world_.setting_.durability == broker::Durability::none) return;
    if (auto batch = shard.take_journal(world_.now_)) {
      world_.writing_.push_back({index, std::move(*batch)});
      if (world_.writes_at_once) world_.write(1, true);
    }
  }
  void login(std::uint32_t index, const broker::LoginRequest& request) {
    world_.logins_.push_back({index, request.connection});
  }
  void hand_off(std::uint32_t index, const broker::HandoffRequest& request) {
    world_.move(index, request);
  }
  void mail(std::uint32_t index, std::uint32_t to, std::vector<broker::PeerMessage>& messages) {
    world_.mailboxes_[to].push_back({index, std::exchange(messages, {})});
  }
  void write(std::uint32_t index, broker::ConnectionId id, const broker::Output& output) {
    Client* const client = world_.find(index, id);
    if (client == nullptr) return;  // its connection broke meanwhile
    client->output.read(test::stream_of(output));
  }
  void close(std::uint32_t index, const broker::CloseRequest& request) {
    Client* const client = world_.find(index, request.connection);
    require(client != nullptr, "a connection is closed once, and not after its end");
    client->open = client->deciding = false;
    world_.free_slots_.push_back(request.connection.slot);
  }
  void resume(std::uint32_t index, const broker::ResumeRequest& request) {
    if (Client* const client = world_.find(index, request.connection)) client->deciding = false;
  }

 private:
  World& world_;
};

bool World::end_turn(std::uint32_t index) {
  Loops loops(*this);
  const bool busy = host_->end_turn(index, now_, loops);
  while (decides_at_once && !logins_.empty()) {
    decide({mqtt::Reason::success, permissions});
  }
  return busy;
}

void World::move(std::uint32_t from, const broker::HandoffRequest& request) {
  Client* const client = find(from, request.connection);
  if (client == nullptr) return;
  require(static_cast<std::uint32_t>(request.home) != from, "nobody moves to where it is");
  free_slots_.push_back(client->id.slot);
  client->shard = static_cast<std::uint32_t>(request.home);
  deliver(client->shard);
  client->id = open_on(client->shard, true);
  client->deciding =
      !(*host_)[client->shard].received_before_move(client->id, request.unread, now_);
}

void World::settle() {
  for (int round = 0; round < 1000; ++round) {
    bool busy = !writing_.empty() || !logins_.empty();
    while (!logins_.empty()) decide({mqtt::Reason::success, permissions});
    for (std::uint32_t i = 0; i < shards(); ++i) {
      busy = busy || !mailboxes_[i].empty();
      deliver(i);
    }
    write(writing_.size(), true);
    for (std::uint32_t i = 0; i < shards(); ++i) {
      busy = end_turn(i) || busy;
      if (setting_.durability == broker::Durability::none) continue;
      if (auto batch = (*host_)[i].take_journal(now_, true)) {
        writing_.push_back({i, std::move(*batch)});
        busy = true;
      }
    }
    if (!busy && writing_.empty()) return;
  }
  require(false, "a broker that nobody talks to comes to rest");
}

void World::check() {
  std::uint64_t connected = 0;
  broker::Metrics sum;
  for (const auto& shard : *host_) {
    const broker::Metrics one = shard->metrics();
    connected += one.clients_connected;
    sum.sessions += one.sessions;
    require(one.clients_connected <= one.sessions, "who is connected has a session");
    require(setting_.durability == broker::Durability::none || !shard->journal_pending(),
            "everything is stored");
  }
  const auto accepted = std::ranges::count_if(
      clients, [](const Client& client) { return client.open && client.output.accepted(); });
  require(connected == static_cast<std::uint64_t>(accepted), "clients that are connected");
  require(host_->commons().counts.sessions.load() == static_cast<std::int64_t>(sum.sessions),
          "sessions of all shards");
}

void World::check_store() {
  if (setting_.durability == broker::Durability::none) return;
  for (const std::string& fault : store_.faults()) require(false, fault);
  const std::size_t stored = store_.sessions();
  const std::size_t retained = store_.retained();
  crash(shards());
  std::uint64_t sessions = 0;
  for (const auto& shard : *host_) {
    sessions += shard->metrics().sessions;
    require(
        setting_.limits.sys_interval_seconds != 0 || shard->metrics().retained_messages <= retained,
        "no more is retained than stored, but for $SYS");
  }
  require(sessions == stored, "every stored session comes back");
  settle();
  check();
  for (const std::string& fault : store_.faults()) require(false, fault);
}

}  // namespace fuzz
