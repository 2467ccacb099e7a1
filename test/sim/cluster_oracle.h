#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "broker/cluster/lasting.h"
#include "test/sim/cluster_jetstream.h"

namespace sim {

/// Sees everything and knows nothing of how it is done: what was published, acknowledged, promised
/// to subscribers, delivered, and which nodes died.
class Oracle {
 public:
  /// A message as its publisher counts it.
  using Name = std::pair<std::string, std::uint64_t>;

  explicit Oracle(const Events& events) : events_(events) {}

  // Publishers.
  void published(const Name& name, const std::string& topic);
  void acknowledged(const Name& name) { messages_[name].acknowledged = true; }
  /// A node took a message as a new one.
  void accepted(const Copy& copy);

  // Subscribers.
  void promised(const std::string& session, const std::string& filter);
  void withdrawn(const std::string& session, const std::string& filter);
  void delivered(const std::string& session, const Copy& copy, unsigned qos);
  /// The client got PUBREL.
  void completed(const std::string& session, const Copy& copy);

  // Nodes.
  void began(const std::string& session, std::uint64_t epoch);
  /// The record names a member that has the state.
  void holds(const std::string& session, cluster::MemberId member);
  void sends(const std::string& session, std::uint64_t epoch);
  void died(cluster::MemberId member);

  /// Whether all that was acknowledged is where it was promised.
  [[nodiscard]] bool has_all() const;
  /// Adds what is missing to the faults.
  void check_all();

  void fault(std::string text);
  [[nodiscard]] const std::vector<std::string>& faults() const noexcept { return faults_; }

  bool allows_twos_twice = false;  // nodes that serve without a lease
  std::size_t deliveries = 0;
  std::size_t takeovers = 0;
  std::size_t deaths = 0;
  std::size_t repeated_twos = 0;  // QoS 2 twice, where that is allowed

 private:
  struct Message {
    std::string topic;
    std::int64_t at = 0;
    bool acknowledged = false;
    std::optional<std::int64_t> accepted;  // the first time
  };
  struct Delivery {
    std::int64_t at = 0;
    bool completed = false;
  };
  struct Session {
    std::map<std::string, std::int64_t> promises;  // filter: since when
    std::set<Name> got;
    std::map<std::pair<cluster::MemberId, std::uint64_t>, Delivery> copies;
    std::map<std::tuple<std::string, cluster::MemberId, std::string>, std::uint64_t> last;
    std::set<std::tuple<std::string, cluster::MemberId, std::uint64_t>> got_by_run;
    std::vector<std::pair<cluster::MemberId, std::int64_t>> holders;  // since when
    std::uint64_t epoch = 0;
  };

  [[nodiscard]] bool lost_its_node(const std::string& session, std::int64_t since);
  [[nodiscard]] static bool is_owed(const Session& session, const Message& message);
  void check_order(const std::string& session, const Copy& copy);

  const Events& events_;
  std::map<Name, Message> messages_;
  std::map<std::string, Session> sessions_;
  std::map<cluster::MemberId, std::int64_t> died_;  // the last time
  std::vector<std::string> faults_;
};

}  // namespace sim
