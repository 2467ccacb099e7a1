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
  commons_ = std::make_unique<broker::Commons>(shards);
  broker::ShardOptions options;
  options.shards = shards;
  options.home_key[0] = 0x0123456789ABCDEF;
  options.home_key[1] = 0xFEDCBA9876543210;
  options.version = "fuzz";
  options.limits = setting_.limits;
  options.durability = setting_.durability;
  options.listeners.push_back(setting_.policy);
  if (setting_.forbids) options.authority = rules_.get();
  for (std::uint32_t i = 0; i < shards; ++i) {
    options.index = broker::ShardIndex{i};
    options.seed = i + generation_;
    all_.push_back(std::make_unique<broker::Shard>(options, *commons_, *log_));
    all_.back()->tick(now_);
  }
  mailboxes_.resize(shards);
  if (setting_.durability != broker::Durability::none) store_.load(pointers(), now_);
  end_turns();
}

std::vector<broker::Shard*> World::pointers() const {
  std::vector<broker::Shard*> pointers;
  for (const auto& shard : all_) pointers.push_back(shard.get());
  return pointers;
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
  all_[shard]->opened(id, origin, now_);
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
  const bool go_on = all_[client.shard]->received(client.id, copy, now_);
  if (client.open && client.id == id) client.deciding = !go_on;
  end_turns();
  return go_on;
}

void World::lose(Client& client, broker::CloseCause cause) {
  if (!client.open) return;
  client.open = false;
  deliver(client.shard);
  all_[client.shard]->closed(client.id, cause, now_);
  free_slots_.push_back(client.id.slot);
  end_turns();
}

void World::writable(Client& client, std::size_t queued_bytes) {
  if (!client.open) return;
  all_[client.shard]->writable(client.id, queued_bytes, now_);
  end_turns();
}

void World::pass(std::int64_t milliseconds, std::int64_t step_milliseconds) {
  const broker::Instant end = broker::after_milliseconds(now_, milliseconds);
  while (now_ < end) {
    now_ = std::min(end, broker::after_milliseconds(now_, step_milliseconds));
    for (const auto& shard : all_) shard->tick(now_);
    end_turns();
  }
}

void World::publish_sys(std::string_view topic, std::string_view payload, bool retain) {
  all_[0]->publish_sys(topic, payload, retain, now_);
  end_turns();
}

void World::shut_down() {
  for (const auto& shard : all_) shard->shut_down(now_);
  end_turns();
}

void World::decide(const broker::Verdict& verdict) {
  if (logins_.empty()) return;
  const Login login = logins_.front();
  logins_.pop_front();
  deliver(login.shard);
  all_[login.shard]->decided(login.connection, verdict, now_);
  if (Client* const client = find(login.shard, login.connection)) client->deciding = false;
  end_turns();
}

void World::deliver(std::uint32_t shard) {
  while (!mailboxes_[shard].empty()) {
    Mail mail = std::move(mailboxes_[shard].front());
    mailboxes_[shard].pop_front();
    for (broker::PeerMessage& message : mail.messages) {
      all_[shard]->from_peer(broker::ShardIndex{mail.from}, std::move(message), now_);
    }
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
    all_[done.shard]->committed(done.batch.position, now_);
  }
}

void World::crash(std::uint32_t shards) {
  for (Client& client : clients) client.open = client.deciding = false;
  all_.clear();
  commons_.reset();
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

bool World::end_turn(std::uint32_t index) {
  broker::Shard& shard = *all_[index];
  const bool more = shard.work(now_);
  if (setting_.durability != broker::Durability::none) {
    shard.end_turn(now_);
    if (auto batch = shard.take_journal(now_)) {
      writing_.push_back({index, std::move(*batch)});
      if (writes_at_once) write(1, true);
    }
  }
  broker::Outbox& outbox = shard.outbox();
  const bool busy = !outbox.empty() || !shard.peer_outbox().empty();
  for (const broker::LoginRequest& request : outbox.take_logins()) {
    logins_.push_back({index, request.connection});
  }
  for (broker::HandoffRequest& request : outbox.take_handoffs()) move(index, request);
  for (std::uint32_t to = 0; to < shards(); ++to) {
    auto& messages = shard.peer_outbox().messages(broker::PeerId{to});
    if (!messages.empty()) mailboxes_[to].push_back({index, std::exchange(messages, {})});
  }
  shard.peer_outbox().settled();
  std::vector<broker::ConnectionId> reports;
  outbox.drain_output([&](broker::ConnectionId id, broker::Output& output) {
    if (output.report) reports.push_back(id);
    Client* const client = find(index, id);
    if (client == nullptr) return;  // its connection broke meanwhile
    client->output.read(test::stream_of(output));
  });
  for (const broker::CloseRequest& request : outbox.take_closes()) {
    Client* const client = find(index, request.connection);
    require(client != nullptr, "a connection is closed once, and not after its end");
    client->open = client->deciding = false;
    free_slots_.push_back(request.connection.slot);
  }
  for (const broker::ResumeRequest& request : outbox.take_resumes()) {
    if (Client* const client = find(index, request.connection)) client->deciding = false;
  }
  for (const broker::ConnectionId id : reports) shard.writable(id, 0, now_);
  while (decides_at_once && !logins_.empty()) {
    decide({mqtt::Reason::success, permissions});
  }
  return shard.go_on(now_) || busy || more;
}

void World::move(std::uint32_t from, broker::HandoffRequest& request) {
  Client* const client = find(from, request.connection);
  if (client == nullptr) return;
  require(static_cast<std::uint32_t>(request.home) != from, "nobody moves to where it is");
  free_slots_.push_back(client->id.slot);
  client->shard = static_cast<std::uint32_t>(request.home);
  deliver(client->shard);
  client->id = open_on(client->shard, true);
  client->deciding = !all_[client->shard]->received_before_move(client->id, request.unread, now_);
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
      if (auto batch = all_[i]->take_journal(now_, true)) {
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
  for (const auto& shard : all_) {
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
  require(commons_->counts.sessions.load() == static_cast<std::int64_t>(sum.sessions),
          "sessions of all shards");
}

void World::check_store() {
  if (setting_.durability == broker::Durability::none) return;
  for (const std::string& fault : store_.faults()) require(false, fault);
  const std::size_t stored = store_.sessions();
  const std::size_t retained = store_.retained();
  crash(shards());
  std::uint64_t sessions = 0;
  for (const auto& shard : all_) {
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
