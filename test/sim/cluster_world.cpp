#include "test/sim/cluster_world.h"

#include <algorithm>
#include <utility>

namespace sim {

/// The machine of a node, and its link to NATS.
class World::Host final : public NodeHost {
 public:
  Host(World& world, std::size_t index) : world_(world), index_(index) { restart(); }

  [[nodiscard]] broker::Instant now() const override {
    return {1'000'000 * static_cast<std::int64_t>(index_ + 1) +
            world_.events_.now() * clock_per_mille_ / 1000};
  }

  void call(std::function<std::uint64_t(JetStream&)> request, Answer answer) override {
    struct Call {
      std::function<std::uint64_t(JetStream&)> request;
      Answer answer;
    };
    const auto pending = std::make_shared<Call>(Call{std::move(request), std::move(answer)});
    const auto finish = [pending](std::optional<std::uint64_t> result) {
      if (Answer once = std::exchange(pending->answer, nullptr)) once(result);
    };
    to_self(300, [finish] { finish({}); });
    const bool is_lost = world_.random_.chance(world_.is_peace_ ? 0 : 10);
    if (!is_up_ || is_lost) return;
    const auto carry_out = [this, pending, finish, link = link_] {
      const std::uint64_t result = pending->request(world_.stream_);
      world_.changed();
      const bool answer_is_lost = world_.random_.chance(world_.is_peace_ ? 0 : 10);
      if (!is_up_ || link != link_ || answer_is_lost) return;
      to_self(delay(), [this, finish, result, link] {
        if (is_up_ && link == link_) finish(result);
      });
    };
    world_.events_.after(delay(), [this, carry_out, link = link_] {
      // What was on its way when the link broke may have arrived.
      if ((!is_up_ || link != link_) && world_.random_.chance(500)) return;
      if (world_.stream_.has_quorum) return carry_out();
      if (world_.random_.chance(500)) world_.held_.emplace_back(carry_out);
    });
  }

  void tell(cluster::MemberId member, std::function<void(Node&)> message) override {
    if (!is_up_) return;
    for (const auto& host : world_.hosts_) {
      if (!host->node_ || host->node_->member() != member) continue;
      if (world_.random_.chance(world_.is_peace_ ? 0 : 50)) return;
      Host* const other = host.get();
      world_.events_.after(delay(), [other, message, run = other->run_] {
        if (!other->is_up_ || other->run_ != run) return;
        other->to_self(0, [other, message] { message(*other->node_); });
      });
    }
  }

  void tell_all(std::function<void(Node&)> message) override {
    for (const auto& host : world_.hosts_) {
      if (host.get() != this && host->node_) tell(host->node_->member(), message);
    }
  }

  void reply(ConnectionName connection, Packet packet) override {
    world_.reply(connection, packet);
  }
  void close(ConnectionName connection) override { world_.close(connection); }
  Random& random() override { return world_.random_; }

  /// What happens at this machine happens when it is not stalled, to this run of the node.
  void to_self(std::int64_t delay, std::function<void()> action) {
    world_.events_.after(delay, [this, action = std::move(action), run = run_] {
      if (run != run_ || !node_) return;
      // In the order in which it came.
      if (world_.events_.now() <= stalled_until_) {
        return to_self(stalled_until_ - world_.events_.now() + 1, action);
      }
      action();
    });
  }

  void kill() {
    if (!node_) return;
    world_.oracle_.died(node_->member());
    world_.node_killed(index_, run_);
    node_.reset();
    ++run_;
  }
  void restart() {
    if (node_) return;
    ++run_;
    clock_per_mille_ = world_.random_.between(960, 1040);
    stalled_until_ = -1;
    node_ = std::make_unique<Node>(*this, world_.oracle_, world_.images_, world_.rules_.node,
                                   cluster::MemberId{world_.random_.number() | 1U},
                                   world_.stream_.batches().size());
    ++link_;
    is_up_ = true;
    connect_feeds();
    tick();
  }
  void stall(std::int64_t milliseconds) {
    if (stalled_until_ < world_.events_.now()) {
      stalled_until_ = world_.events_.now() + milliseconds;
    }
  }
  void break_link() {
    is_up_ = false;
    ++link_;
  }
  void mend_link() {
    if (is_up_) return;
    is_up_ = true;
    ++link_;
    if (node_) connect_feeds();
  }

  /// Something may be there to be shown.
  void feed() {
    if (feed_is_due_ || !node_ || !is_up_) return;
    feed_is_due_ = true;
    world_.events_.after(world_.random_.between(1, 6), [this, run = run_, link = link_] {
      if (run != run_ || link != link_) return;
      feed_is_due_ = false;
      send_changes();
      send_batches();
    });
  }

  std::unique_ptr<Node> node_;
  std::uint64_t run_ = 0;

 private:
  std::int64_t delay() { return world_.random_.between(1, 8); }

  void tick() {
    to_self(40, [this] {
      node_->tick();
      tick();
    });
  }

  void connect_feeds() {
    feed_is_due_ = false;
    sent_ = node_->shown();
    batches_sent_ = node_->tailed();
    changes_arrive_ = batches_arrive_ = 0;
    feed();
  }

  /// Watches and tails keep their order, and may be late by seconds.
  std::int64_t arrival(std::int64_t& last) {
    const std::int64_t late =
        !world_.is_peace_ && world_.random_.chance(world_.rules_.late_per_thousand)
            ? world_.random_.between(300, 2500)
            : world_.random_.between(1, 10);
    last = std::max(last, world_.events_.now() + late);
    return last - world_.events_.now();
  }

  void send_changes() {
    const JetStream::Shown shown = world_.stream_.show(sent_, 1 + world_.random_.pick(4));
    if (shown.changes.empty()) return;
    sent_ = shown.through;
    world_.events_.after(arrival(changes_arrive_), [this, shown, run = run_, link = link_] {
      if (run != run_ || link != link_) return;
      to_self(0, [this, shown, link] {
        if (link == link_) node_->show(shown);
      });
    });
    feed();
  }

  void send_batches() {
    const auto& batches = world_.stream_.batches();
    if (batches_sent_ == batches.size()) return;
    const std::uint64_t number = ++batches_sent_;
    world_.events_.after(arrival(batches_arrive_),
                         [this, number, batch = batches[number - 1], run = run_, link = link_] {
                           if (run != run_ || link != link_) return;
                           to_self(0, [this, number, batch, link] {
                             if (link == link_) node_->tail(number, batch);
                           });
                         });
    feed();
  }

  World& world_;
  std::size_t index_;
  std::int64_t clock_per_mille_ = 1000;
  std::int64_t stalled_until_ = -1;
  bool is_up_ = true;
  std::uint64_t link_ = 0;
  cluster::Revision sent_ = 0;
  std::uint64_t batches_sent_ = 0;
  std::int64_t changes_arrive_ = 0;
  std::int64_t batches_arrive_ = 0;
  bool feed_is_due_ = false;
};

World::World(std::uint64_t seed, WorldRules rules)
    : rules_(rules), random_(seed), oracle_(events_) {
  oracle_.allows_twos_twice = rules.node.delivers_without_lease;
  stream_.compares = rules.node.mutant != Mutant::no_comparison;
  for (std::size_t i = 0; i < rules.nodes; ++i) {
    hosts_.push_back(std::make_unique<Host>(*this, i));
  }
  for (std::size_t i = 0; i < rules.clients; ++i) {
    clients_.push_back(std::make_unique<Client>(i, events_, random_, oracle_, *this));
    act(i);
  }
}

World::~World() = default;

void World::changed() {
  for (const auto& host : hosts_) host->feed();
}

ConnectionName World::open(std::size_t client) {
  const std::uint64_t number = ++connection_count_;
  const std::size_t node = random_.pick(hosts_.size());
  connections_[number] = {.client = client, .node = node, .run = hosts_[node]->run_};
  return {number};
}

void World::leave(ConnectionName name) {
  Connection& connection = connections_[name.number];
  connection.left = true;
  // Some are half open until keep-alive ends them.
  const std::int64_t delay = random_.chance(500) ? random_.between(1, 20) : 3000;
  events_.after(delay, [this, name] {
    const Connection& left = connections_[name.number];
    Host& host = *hosts_[left.node];
    if (host.run_ != left.run) return;
    host.to_self(0, [&host, name] { host.node_->connection_lost(name); });
  });
}

void World::send(ConnectionName name, Packet packet) {
  Connection& connection = connections_[name.number];
  connection.to_node = std::max(connection.to_node, events_.now() + random_.between(1, 6));
  events_.after(connection.to_node - events_.now(), [this, name, packet = std::move(packet)] {
    const Connection& open = connections_[name.number];
    Host& host = *hosts_[open.node];
    if (host.run_ != open.run || !host.node_) return clients_[open.client]->closed(name);
    host.to_self(0, [this, &host, name, packet] {
      const Connection& still = connections_[name.number];
      if (still.closed) return;
      host.node_->packet(name, clients_[still.client]->id(), packet);
    });
  });
}

void World::reply(ConnectionName name, const Packet& packet) {
  Connection& connection = connections_[name.number];
  if (connection.closed) return;
  connection.to_client = std::max(connection.to_client, events_.now() + random_.between(1, 6));
  events_.after(connection.to_client - events_.now(), [this, name, packet] {
    const Connection& open = connections_[name.number];
    if (!open.left) clients_[open.client]->packet(name, packet);
  });
}

/// Its clients learn that sooner or later.
void World::node_killed(std::size_t node, std::uint64_t run) {
  for (const auto& [number, connection] : connections_) {
    if (connection.node == node && connection.run == run) {
      events_.after(random_.between(1, 500), [this, name = ConnectionName{number}] {
        clients_[connections_[name.number].client]->closed(name);
      });
    }
  }
}

void World::close(ConnectionName name) {
  Connection& connection = connections_[name.number];
  if (connection.closed) return;
  connection.closed = true;
  events_.after(std::max<std::int64_t>(connection.to_client - events_.now(), 1),
                [this, name] { clients_[connections_[name.number].client]->closed(name); });
}

void World::act(std::size_t client) {
  events_.after(random_.between(5, 60), [this, client] {
    if (is_peace_) {
      clients_[client]->rest();
    } else {
      clients_[client]->act();
    }
    act(client);
  });
}

void World::make_trouble() {
  if (is_peace_) return;
  Host& host = *hosts_[random_.pick(hosts_.size())];
  const std::int64_t length = random_.between(50, 2500);
  switch (random_.pick(5)) {
    case 0:
      host.kill();
      events_.after(length, [&host] { host.restart(); });
      break;
    case 1:
      host.stall(length);
      break;
    case 2:
    case 3:
      host.break_link();
      events_.after(length, [&host] { host.mend_link(); });
      break;
    default:
      stream_.has_quorum = false;
      events_.after(random_.between(50, 1500), [this] { quorum_returns(); });
      break;
  }
  events_.after(random_.between(100, 1200), [this] { make_trouble(); });
}

void World::quorum_returns() {
  stream_.has_quorum = true;
  for (const Events::Action& request : std::exchange(held_, {})) request();
}

void World::make_peace() {
  is_peace_ = true;
  quorum_returns();
  for (const auto& host : hosts_) {
    host->restart();
    host->mend_link();
  }
}

bool World::is_done() const {
  return std::ranges::all_of(clients_, [](const auto& client) { return client->is_done(); }) &&
         oracle_.has_all();
}

void World::run() {
  events_.after(500, [this] { make_trouble(); });
  events_.run_until(rules_.trouble_milliseconds);
  make_peace();
  const std::int64_t most = events_.now() + 30'000;
  while (!is_done() && events_.now() < most && oracle_.faults().empty()) {
    events_.run_until(events_.now() + 100);
  }
  for (const auto& client : clients_) {
    if (!client->is_done() && oracle_.faults().empty()) {
      oracle_.fault(client->id() + " does not come to rest: " + client->state());
    }
  }
  // What comes twice may come late.
  events_.run_until(events_.now() + 1000);
  if (oracle_.faults().empty()) oracle_.check_all();
}

}  // namespace sim
