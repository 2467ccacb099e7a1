#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "test/sim/cluster_client.h"
#include "test/sim/cluster_events.h"
#include "test/sim/cluster_jetstream.h"
#include "test/sim/cluster_node.h"
#include "test/sim/cluster_oracle.h"

namespace sim {

struct WorldRules {
  NodeRules node;
  std::size_t nodes = 3;
  std::size_t clients = 5;
  std::int64_t trouble_milliseconds = 6000;
  unsigned late_per_thousand = 8;  // of what watches and tails show
};

/// Nodes, JetStream, clients and their networks; and trouble: links that break, no quorum, nodes
/// that are killed and start again with nothing, nodes that are stalled.
class World final : public ClientHost {
 public:
  World(std::uint64_t seed, WorldRules rules);
  ~World() override;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Trouble, then peace until all is delivered, or too long.
  void run();
  [[nodiscard]] const Oracle& oracle() const noexcept { return oracle_; }
  [[nodiscard]] std::int64_t milliseconds() const noexcept { return events_.now(); }

 private:
  class Host;
  struct Connection {
    std::size_t client = 0;
    std::size_t node = 0;
    std::uint64_t run = 0;
    std::int64_t to_node = 0;  // when the last packet arrives
    std::int64_t to_client = 0;
    bool left = false;
    bool closed = false;
  };

  ConnectionName open(std::size_t client) override;
  void leave(ConnectionName name) override;
  void send(ConnectionName name, Packet packet) override;

  void reply(ConnectionName name, const Packet& packet);
  void close(ConnectionName name);
  void node_killed(std::size_t node, std::uint64_t run);
  void changed();
  void quorum_returns();
  void act(std::size_t client);
  void make_trouble();
  void make_peace();
  [[nodiscard]] bool is_done() const;

  WorldRules rules_;
  Random random_;
  Events events_;
  JetStream stream_;
  Oracle oracle_;
  Node::Images images_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<std::uint64_t, Connection> connections_;
  std::vector<Events::Action> held_;  // requests that wait for a quorum
  std::uint64_t connection_count_ = 0;
  bool is_peace_ = false;
};

}  // namespace sim
