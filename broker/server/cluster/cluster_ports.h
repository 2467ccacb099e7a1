#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/cluster/duplicate_window.h"
#include "broker/cluster/envelope.h"
#include "broker/server/cluster/cluster_port.h"
#include "broker/server/cluster/remote_filter_change.h"
#include "broker/wire/bytes.h"

namespace transport {
class Loops;
class NatsLink;
}  // namespace transport

namespace server {

/// The cluster as the shards see it: a ClusterPort for each of them.
///
/// Shape      messages of other nodes ─ receive() ─▶ the port of the shard that the topic falls to
/// Invariant  Each message is published once, however many copies NATS brings.
/// Lifetime   As ClusterPort.
/// Threads    Any, after open(); receive() is for one at a time.
class ClusterPorts final {
 public:
  /// Counts since the start, of all ports.
  struct Counts {
    std::uint64_t sent = 0;              // messages to other nodes
    std::uint64_t received = 0;          // messages from other nodes
    std::uint64_t found_no_room = 0;     // messages to other nodes: NATS took none
    std::uint64_t too_large = 0;         // messages to other nodes: NATS takes none of that size
    std::uint64_t dropped_received = 0;  // messages from other nodes: the shards took none
    std::uint64_t malformed = 0;         // the same: in a form that is none
  };

  /// `prefix`: of the subjects of messages. `run`: of this node.
  ClusterPorts(transport::NatsLink& nats, std::string prefix, cluster::Incarnation run,
               std::uint32_t shards);

  /// Makes each port a link of its shard.
  ///
  /// Requires  The loops run, and outlive all calls.
  void open(transport::Loops& loops);

  /// Takes a message of NATS.
  void receive(std::string_view subject, mqtt::Bytes payload);
  /// A run of another node is over: its senders send no more.
  void forget(cluster::Incarnation run);

  /// Has each shard follow the changes, a part in each turn; then `done` is called, on the thread
  /// of any. Both may be empty.
  void change_filters(const std::vector<RemoteFilterChange>& changes,
                      std::move_only_function<void()> done);
  /// SUBSCRIBE packets that wait for other nodes go on.
  void filters_announced();
  /// Whether a shard waits for room on the way to NATS.
  [[nodiscard]] bool was_full() const noexcept;
  /// Tells the shards that waited, if there is room.
  void look_for_room();
  [[nodiscard]] Counts counts() const noexcept;

 private:
  void deliver(std::uint32_t shard);

  std::string prefix_;
  std::string long_subject_;                         // of long topics
  std::vector<std::unique_ptr<ClusterPort>> ports_;  // by shard
  transport::Loops* loops_ = nullptr;                // null before open()
  std::atomic<std::uint64_t> received_{0};
  std::atomic<std::uint64_t> malformed_{0};
  std::mutex windows_mutex_;
  cluster::DuplicateWindows windows_;  // under windows_mutex_
};

}  // namespace server
