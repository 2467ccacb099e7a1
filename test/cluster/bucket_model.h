#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "broker/cluster/node.h"

namespace test {

using Random = std::minstd_rand;

inline std::size_t below(Random& random, std::size_t limit) { return (random() >> 7U) % limit; }

/// A bucket of NATS in memory: the last value of each key, and all changes in their order.
struct Bucket {
  struct Change {
    std::string key;
    std::optional<std::string> value;  // nothing: deleted
  };
  std::map<std::string, std::string> records{};
  std::vector<Change> changes{};
  /// Of core NATS, by the names of their receivers.
  std::map<std::string, std::vector<std::string>> messages{};
  bool has_quorum = true;

  void put(const std::string& key, const std::string& value);
  void erase(const std::string& key);
  /// All is lost, as by a restart of all servers that keep it in memory. Watches are not told.
  void lose();
};

/// A node with its service: the orders are followed, and checked.
///
/// Shape      The link to the bucket is up or down. Writes wait in a queue; the watch is behind the
///            changes by some of them. Both move when step() says so.
class NodeHost {
 public:
  NodeHost(Bucket& bucket, cluster::Node::Options options);

  cluster::Node& node() { return node_; }
  [[nodiscard]] const cluster::Node::Options& options() const { return options_; }
  void connect(broker::Instant now);
  void disconnect(broker::Instant now);
  /// The watch is made anew: all records are told, and the keys that have gone.
  void read_again(broker::Instant now);
  /// A filter of this node's clients came; or one of those that came has gone.
  void add(const std::string& filter);
  void remove(std::size_t which);

  /// Follows what the node orders; then writes and watch go on, each with the probability of
  /// `speed` in 100.
  void step(broker::Instant now, Random& random, std::size_t speed = 100);
  /// Ends the node as it should, with all that it orders.
  void leave(broker::Instant now);

  [[nodiscard]] bool is_up() const { return is_up_; }
  [[nodiscard]] const std::multiset<std::string>& filters() const { return filters_; }
  /// As ordered.
  [[nodiscard]] const std::set<std::string>& remote_filters() const { return remote_filters_; }
  [[nodiscard]] const std::set<std::string>& subjects() const { return subjects_; }
  [[nodiscard]] const std::vector<cluster::LogLine>& lines() const { return lines_; }
  [[nodiscard]] std::size_t lines_with(broker::Event event) const;
  [[nodiscard]] std::size_t writes() const { return writes_; }

 private:
  struct Request {
    std::string key;
    std::optional<std::string> value;  // nothing: to be deleted
  };
  void follow_orders();
  void follow(cluster::PutRecord&& put);
  void follow(cluster::DeleteRecord&& order);
  void follow(cluster::SubscribeSubject&& order);
  void follow(cluster::UnsubscribeSubject&& order);
  void follow(cluster::AddRemoteFilter&& order);
  void follow(cluster::RemoveRemoteFilter&& order);
  void follow(cluster::TellHeard&& order);
  void follow(cluster::LogLine&& line) { lines_.push_back(std::move(line)); }
  void write_next();
  void watch_next(broker::Instant now);

  Bucket& bucket_;
  cluster::Node::Options options_;
  cluster::Node node_;
  bool is_up_ = false;
  bool has_left_ = false;
  std::size_t watched_ = 0;             // changes of the bucket that the node was told
  std::set<std::string> known_keys_{};  // that the node was told and that have not gone
  std::deque<Request> requests_{};
  std::set<std::string> unanswered_{};  // keys of writes
  std::multiset<std::string> filters_{};
  std::set<std::string> remote_filters_{};
  std::set<std::string> subjects_{};
  std::vector<cluster::LogLine> lines_{};
  std::size_t writes_ = 0;
};

}  // namespace test
