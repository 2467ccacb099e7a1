#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "broker/cluster/node.h"
#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/server/cluster/cluster_figures.h"
#include "broker/server/cluster/cluster_ports.h"
#include "broker/server/cluster/filter_counts.h"
#include "broker/server/cluster/filter_marks.h"
#include "transport/loops.h"
#include "transport/nats/nats_link.h"

namespace server {

/// This broker as a node of a cluster: carries facts and orders between cluster::Node, NATS and the
/// shards.
///
/// Shape      threads of NatsLink ─┬─ facts ─▶ queue ─▶ own thread: cluster::Node ─ orders ─▶ NATS,
///            shards: filters ─────┘                                                  shards, log
///            messages of other nodes ─▶ ClusterPort of the shard that the topic falls to
/// Lifetime   watch() -> shards are made -> start() -> loops stop -> stop(). The log and the counts
///            outlive it; it outlives the shards.
/// Threads    The main thread's, but for FilterWatch and NatsUser; view() and figures() are safe
///            from any.
class ClusterService final : private transport::NatsUser {
 public:
  struct Options {
    std::string cluster;  // its name
    std::string node;     // the name of this one
    transport::NatsOptions nats;
    std::uint32_t shards = 1;
  };
  ClusterService(Options options, const broker::SharedCounts& counts, broker::Log& log);
  ~ClusterService();
  ClusterService(const ClusterService&) = delete;
  ClusterService& operator=(const ClusterService&) = delete;

  /// The receiver of all filters: for broker::Interest, before there is a shard.
  [[nodiscard]] broker::FilterWatch& watch() noexcept { return filters_; }
  /// Begins: opens a port on each shard, and connects to NATS, whose servers need not be there.
  ///
  /// Requires  The loops run.
  /// Errors    A sentence: an option that cannot be used.
  [[nodiscard]] std::expected<void, std::string> start(transport::Loops& loops);
  /// Tells the other nodes that this one ends, and ends the connection: within seconds.
  ///
  /// Requires  The shards publish nothing more.
  void stop();

  [[nodiscard]] cluster::ClusterView view() const;
  [[nodiscard]] ClusterFigures figures() const;

 private:
  using Fact = std::move_only_function<void(cluster::Node&, broker::Instant)>;

  // NatsUser
  void nats_connected(std::string_view server) override;
  void nats_disconnected(std::string_view why) override;
  void nats_complained(std::string_view what) override;
  void nats_received(std::string_view subject, mqtt::Bytes payload) override;
  void nats_has_room() override {}
  void record_seen(std::string_view key, mqtt::Bytes value, std::uint64_t revision,
                   bool deleted) override;
  void records_are_current() override;
  void records_unavailable(std::string_view why) override;
  void record_written(std::string_view key, std::uint64_t revision) override;
  void record_refused(std::string_view key, transport::RecordRefusal refusal,
                      std::string_view why) override;

  void add(Fact fact);
  void run();
  [[nodiscard]] bool wait_for_facts(std::vector<Fact>& facts);
  void look_at_filters(broker::Instant now);
  void announce_filters(broker::Instant now);
  void look_at_drops(broker::Instant now);
  [[nodiscard]] cluster::NodeFigures node_figures() const;
  void carry_out(cluster::Orders orders);
  void carry_out(cluster::PutRecord& order);
  void carry_out(cluster::DeleteRecord& order);
  void carry_out(cluster::SubscribeSubject& order);
  void carry_out(cluster::UnsubscribeSubject& order);
  void carry_out(cluster::AddRemoteFilter& order);
  void carry_out(cluster::RemoveRemoteFilter& order);
  void carry_out(cluster::TellHeard& order);
  void carry_out(cluster::LogLine& order);
  void tell_shards();
  /// Tells other nodes that all shards know their filters.
  void tell_others(const std::vector<cluster::TellHeard>& heard);

  Options options_;
  const broker::SharedCounts& counts_;
  broker::Log& log_;
  std::string heard_subject_;
  FilterCounts filters_;
  transport::NatsLink nats_;
  cluster::Node node_;  // of the own thread, as all that follows
  ClusterPorts ports_;
  FilterMarks marks_;
  std::vector<RemoteFilterChange> changes_;  // that the shards have not been told
  std::vector<cluster::TellHeard> heard_;    // for other nodes, when the shards were told
  std::array<std::uint64_t, static_cast<std::size_t>(cluster::DropReason::count)> drops_seen_{};
  transport::Loops* loops_ = nullptr;  // null before start()
  std::thread thread_;

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable has_facts_;
  std::vector<Fact> facts_;
  cluster::ClusterView view_;
  std::string last_error_;
  bool stopping_ = false;
};

}  // namespace server
