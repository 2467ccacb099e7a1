#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "test/sim/cluster_events.h"
#include "test/sim/cluster_oracle.h"
#include "test/sim/cluster_packets.h"

namespace sim {

/// What a client has of the network.
class ClientHost {
 public:
  virtual ~ClientHost() = default;
  /// A connection to some node, be it one that is not there.
  virtual ConnectionName open(std::size_t client) = 0;
  /// The client has left it; the node may learn of that later.
  virtual void leave(ConnectionName connection) = 0;
  virtual void send(ConnectionName connection, Packet packet) = 0;
};

/// A client with a lasting session: publishes, subscribes, goes from node to node, acknowledges
/// late. It follows the specification, so it takes a PUBLISH of QoS 2 for a repetition as long as
/// it holds the identifier.
class Client {
 public:
  Client(std::size_t index, Events& events, Random& random, Oracle& oracle, ClientHost& host);

  /// Does something by chance.
  void act();
  /// Does what is needed to come to rest: `publishes_max` is reached.
  void rest();
  void packet(ConnectionName connection, const Packet& packet);
  void closed(ConnectionName connection);

  [[nodiscard]] bool is_done() const;
  /// What it waits for.
  [[nodiscard]] std::string state() const;
  [[nodiscard]] const std::string& id() const noexcept { return id_; }

 private:
  struct Publish {
    Copy message;
    unsigned id = 0;
    bool is_received = false;  // PUBREC has come
  };
  struct Wish {
    bool subscribed = true;
    bool confirmed = false;
    unsigned id = 0;
  };

  void connect();
  void disconnect();
  void keep_connected();
  void accepted();
  void publish();
  void send_publish(const Publish& publish);
  void subscribe(const std::string& filter, bool subscribed);
  void send_wish(const std::string& filter, Wish& wish);
  void take_publish(const Packet& packet);
  void confirmed(unsigned id, bool subscribed);
  void answer(Packet::Type type, unsigned id);
  void send(Packet packet);
  unsigned next_id();

  std::size_t index_;
  std::string id_;
  Events& events_;
  Random& random_;
  Oracle& oracle_;
  ClientHost& host_;
  std::optional<ConnectionName> connection_;
  bool is_accepted_ = false;
  std::int64_t connecting_since_ = 0;
  std::deque<Publish> publishes_;
  std::map<std::string, Wish> wishes_;  // by filter
  std::map<unsigned, Copy> held_;       // QoS 2: identifiers until PUBREL
  std::uint64_t counter_ = 0;
  unsigned last_id_ = 0;
  unsigned qos_ = 2;  // of its subscriptions
};

}  // namespace sim
