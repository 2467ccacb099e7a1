#include "broker/server/cluster/cluster_ports.h"

#include <algorithm>
#include <cassert>
#include <expected>
#include <optional>
#include <span>
#include <utility>

#include "broker/cluster/subject.h"
#include "broker/shard.h"
#include "broker/shard_links.h"
#include "transport/loops.h"

namespace server {

ClusterPorts::ClusterPorts(transport::NatsLink& nats, std::string prefix, cluster::Incarnation run,
                           std::uint32_t shards)
    : prefix_(std::move(prefix)), long_subject_(cluster::subject_of_long_topics(prefix_)) {
  for (std::uint32_t shard = 0; shard < shards; ++shard) {
    ports_.push_back(std::make_unique<ClusterPort>(
        nats, prefix_, cluster::sender_of(run, broker::ShardIndex{shard})));
  }
}

void ClusterPorts::open(transport::Loops& loops) {
  assert(loops.count() == ports_.size());
  loops_ = &loops;
  for (std::uint32_t shard = 0; shard < ports_.size(); ++shard) {
    loops.post(
        broker::ShardIndex{shard},
        [port = ports_[shard].get()](broker::Shard& of, broker::Instant) { port->open(of); });
  }
}

void ClusterPorts::receive(std::string_view subject, mqtt::Bytes payload) {
  std::optional<std::string> topic;
  if (subject == long_subject_) {
    topic.emplace();
  } else {
    topic = cluster::topic_of_subject(prefix_, subject);
  }
  // The expiry as the time that is left: the shard has the clock.
  const auto envelope = topic ? cluster::decode(*topic, payload, broker::Instant{0})
                              : std::unexpected<std::string_view>("no topic");
  if (!envelope) {
    ++malformed_;
    return;
  }
  {
    const std::scoped_lock lock(windows_mutex_);
    if (!windows_.take(envelope->sender, envelope->number)) return;
  }
  ++received_;
  // Any hash will do: it keeps the messages of a topic in order, and spreads topics.
  const std::size_t hash = std::hash<std::string_view>()(envelope->message.topic);
  const auto shard = static_cast<std::uint32_t>(hash % ports_.size());
  if (ports_[shard]->receive(broker::SharedMessage::copy_of(envelope->message))) deliver(shard);
}

void ClusterPorts::deliver(std::uint32_t shard) {
  loops_->post(broker::ShardIndex{shard}, [this, shard](broker::Shard& of, broker::Instant now) {
    if (ports_[shard]->deliver(of, now)) deliver(shard);
  });
}

void ClusterPorts::forget(cluster::Incarnation run) {
  const std::scoped_lock lock(windows_mutex_);
  windows_.forget(run);
}

void ClusterPorts::change_filters(const std::vector<RemoteFilterChange>& changes,
                                  std::move_only_function<void()> done) {
  constexpr std::size_t changes_per_turn = 500;
  for (std::span<const RemoteFilterChange> rest(changes); !rest.empty();) {
    const auto first = rest.first(std::min(rest.size(), changes_per_turn));
    rest = rest.subspan(first.size());
    const auto part =
        std::make_shared<const std::vector<RemoteFilterChange>>(first.begin(), first.end());
    for (std::uint32_t shard = 0; shard < ports_.size(); ++shard) {
      loops_->post(broker::ShardIndex{shard},
                   [port = ports_[shard].get(), part](broker::Shard& of, broker::Instant) {
                     for (const RemoteFilterChange& change : *part) port->change_filter(of, change);
                   });
    }
  }
  if (!done) return;
  // Behind all changes on each shard; the last shard calls it.
  struct Round {
    std::move_only_function<void()> done;
    std::atomic<std::size_t> left;
  };
  const auto round = std::make_shared<Round>(std::move(done), ports_.size());
  for (std::uint32_t shard = 0; shard < ports_.size(); ++shard) {
    loops_->post(broker::ShardIndex{shard}, [round](broker::Shard&, broker::Instant) {
      if (--round->left == 0) round->done();
    });
  }
}

void ClusterPorts::filters_announced() {
  for (std::uint32_t shard = 0; shard < ports_.size(); ++shard) {
    loops_->post(broker::ShardIndex{shard},
                 [](broker::Shard& of, broker::Instant) { of.links().filters_announced(); });
  }
}

bool ClusterPorts::was_full() const noexcept {
  return std::ranges::any_of(ports_, [](const auto& port) { return port->was_full(); });
}

void ClusterPorts::look_for_room() {
  for (std::uint32_t shard = 0; shard < ports_.size(); ++shard) {
    if (!ports_[shard]->take_room()) continue;
    loops_->post(broker::ShardIndex{shard},
                 [](broker::Shard& of, broker::Instant now) { of.links().has_room(now); });
  }
}

ClusterPorts::Counts ClusterPorts::counts() const noexcept {
  Counts counts;
  for (const auto& port : ports_) {
    counts.sent += port->sent();
    counts.too_large += port->too_large();
    counts.found_no_room += port->found_no_room();
    counts.dropped_received += port->dropped_received();
  }
  counts.received = received_;
  counts.malformed = malformed_;
  return counts;
}

}  // namespace server
