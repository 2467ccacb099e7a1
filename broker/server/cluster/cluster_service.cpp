#include "broker/server/cluster/cluster_service.h"

#include <algorithm>
#include <chrono>
#include <sys/random.h>
#include <utility>
#include <variant>

#include "broker/cluster/subject.h"
#include "broker/core/text.h"
#include "broker/shard.h"

namespace server {
namespace {

using cluster::DropReason;

std::uint64_t random_number() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
  }
  return value;
}

cluster::Node::Options node_options_of(const ClusterService::Options& options) {
  cluster::Node::Options node;
  node.cluster = options.cluster;
  node.node = options.node;
  node.incarnation = cluster::incarnation_of(random_number());
  return node;
}

}  // namespace

ClusterService::ClusterService(Options options, const broker::SharedCounts& counts,
                               broker::Log& log)
    : options_(std::move(options)),
      counts_(counts),
      log_(log),
      heard_subject_(
          cluster::subject_of_heard(cluster::prefix_of_cluster(options_.cluster), options_.node)),
      // The own thread looks at filters with each fact.
      filters_([this] { add([](cluster::Node&, broker::Instant) {}); }),
      nats_(options_.nats, *this),
      node_(node_options_of(options_)),
      ports_(nats_, cluster::prefix_of_cluster(options_.cluster), node_.view().incarnation,
             options_.shards),
      view_(node_.view()) {}

ClusterService::~ClusterService() { stop(); }

std::expected<void, std::string> ClusterService::start(transport::Loops& loops) {
  loops_ = &loops;
  ports_.open(loops);
  if (auto started = nats_.start(); !started) return started;
  nats_.subscribe(heard_subject_);
  thread_ = std::thread([this] { run(); });
  return {};
}

void ClusterService::stop() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  has_facts_.notify_one();
  thread_.join();
  nats_.stop();
}

cluster::ClusterView ClusterService::view() const {
  const std::scoped_lock lock(mutex_);
  return view_;
}

ClusterFigures ClusterService::figures() const {
  const transport::NatsFigures nats = nats_.figures();
  const std::scoped_lock lock(mutex_);
  ClusterFigures figures;
  figures.is_connected = view_.link_is_up && view_.is_current;
  figures.nodes = 1;
  for (const auto& node : view_.nodes) {
    if (node.state == cluster::RemoteNodes::State::live) ++figures.nodes;
  }
  figures.filters_announced = view_.announced;
  figures.filters_of_others = view_.remote_filters;
  const ClusterPorts::Counts counts = ports_.counts();
  figures.sent = counts.sent;
  figures.received = counts.received;
  figures.dropped_sent = counts.found_no_room + counts.too_large;
  figures.dropped_received = counts.dropped_received + counts.malformed;
  figures.queued_bytes = nats.pending_bytes;
  figures.reconnects = nats.reconnects;
  figures.last_error = last_error_;
  return figures;
}

// Calls of NatsLink: the policy belongs to another thread, so they leave it a fact each.

void ClusterService::add(Fact fact) {
  {
    const std::scoped_lock lock(mutex_);
    facts_.push_back(std::move(fact));
  }
  has_facts_.notify_one();
}

void ClusterService::nats_connected(std::string_view server) {
  add([server = std::string(server)](cluster::Node& node, broker::Instant now) {
    node.link_up(server, now);
  });
}

void ClusterService::nats_disconnected(std::string_view why) {
  {
    const std::scoped_lock lock(mutex_);
    last_error_ = why;
  }
  add([why = std::string(why)](cluster::Node& node, broker::Instant now) {
    if (node.view().link_is_up) {
      node.link_down(why, now);
    } else {
      node.link_failed(why, now);
    }
  });
}

void ClusterService::nats_complained(std::string_view what) {
  add([what = std::string(what)](cluster::Node& node, broker::Instant now) {
    node.link_failed(what, now);
  });
}

void ClusterService::record_seen(std::string_view key, mqtt::Bytes value,
                                 std::uint64_t /*revision*/, bool deleted) {
  add([key = std::string(key), value = std::vector<std::byte>(value.begin(), value.end()), deleted](
          cluster::Node& node, broker::Instant now) {
    if (deleted) {
      node.record_deleted(key, now);
    } else {
      node.record_seen(key, value, now);
    }
  });
}

void ClusterService::records_are_current() {
  add([](cluster::Node& node, broker::Instant now) { node.records_are_current(now); });
}

void ClusterService::records_unavailable(std::string_view why) {
  add([why = std::string(why)](cluster::Node& node, broker::Instant now) {
    node.bucket_failed(why, now);
  });
}

void ClusterService::record_written(std::string_view key, std::uint64_t /*revision*/) {
  add([key = std::string(key)](cluster::Node& node, broker::Instant) { node.record_written(key); });
}

// Why is told by records_unavailable().
void ClusterService::record_refused(std::string_view key, transport::RecordRefusal /*refusal*/,
                                    std::string_view /*why*/) {
  add([key = std::string(key)](cluster::Node& node, broker::Instant) { node.record_refused(key); });
}

void ClusterService::nats_received(std::string_view subject, mqtt::Bytes payload) {
  if (subject == heard_subject_) {
    return add([message = std::vector<std::byte>(payload.begin(), payload.end())](
                   cluster::Node& node, broker::Instant) { node.heard(message); });
  }
  ports_.receive(subject, payload);
}

// The own thread.

void ClusterService::run() {
  std::vector<Fact> facts;
  bool stopping = false;
  while (!stopping) {
    stopping = wait_for_facts(facts);
    const broker::Instant now = transport::Loops::now();
    for (Fact& fact : facts) fact(node_, now);
    facts.clear();
    look_at_filters(now);
    look_at_drops(now);
    ports_.look_for_room();
    node_.set_figures(node_figures());
    if (stopping) node_.leave();
    node_.tick(now);
    carry_out(node_.take_orders());
    announce_filters(now);
    tell_shards();
    for (const cluster::Incarnation run : node_.take_ended_runs()) ports_.forget(run);
    const std::scoped_lock lock(mutex_);
    view_ = node_.view();
  }
}

/// Returns whether the end has begun.
bool ClusterService::wait_for_facts(std::vector<Fact>& facts) {
  constexpr std::int64_t soon_milliseconds = 5;
  const bool is_soon = ports_.was_full() || !marks_.empty();
  const std::chrono::milliseconds most(is_soon ? soon_milliseconds
                                               : cluster::Node::tick_milliseconds);
  std::unique_lock lock(mutex_);
  if (facts_.empty() && !stopping_) has_facts_.wait_for(lock, most);
  facts.swap(facts_);
  return stopping_;
}

void ClusterService::look_at_filters(broker::Instant now) {
  const FilterCounts::Changes taken = filters_.take_changes();
  for (const FilterCounts::Change& change : taken.changes) {
    if (change.added) {
      node_.filter_added(change.filter);
    } else {
      node_.filter_removed(change.filter);
    }
  }
  node_.set_filters_mark(taken.mark);
  marks_.add(taken.mark, now);
}

void ClusterService::announce_filters(broker::Instant now) {
  if (filters_.announce(marks_.settle(node_.announced_filters_mark(), now))) {
    ports_.filters_announced();
  }
}

void ClusterService::look_at_drops(broker::Instant now) {
  std::array<std::uint64_t, static_cast<std::size_t>(DropReason::count)> drops{};
  const auto count = [&drops](DropReason reason) -> std::uint64_t& {
    return drops[static_cast<std::size_t>(reason)];
  };
  const ClusterPorts::Counts counts = ports_.counts();
  count(DropReason::too_large) = counts.too_large;
  count(DropReason::queue_full) = counts.found_no_room + counts.dropped_received;
  count(DropReason::malformed) = counts.malformed;
  const std::string most = std::to_string(nats_.payload_bytes_max());
  for (const DropReason reason :
       {DropReason::too_large, DropReason::queue_full, DropReason::malformed}) {
    std::uint64_t& seen = drops_seen_[static_cast<std::size_t>(reason)];
    const std::uint64_t more = count(reason) - seen;
    if (more == 0) continue;
    node_.messages_dropped(reason, more, reason == DropReason::too_large ? most : "", now);
    seen += more;
  }
}

cluster::NodeFigures ClusterService::node_figures() const {
  const ClusterFigures all = figures();
  const auto count = [](std::int64_t number) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0));
  };
  return {.connections = count(loops_->connections()),
          .sessions = count(counts_.sessions),
          .messages_sent = all.sent,
          .messages_received = all.received,
          .messages_dropped = all.dropped_sent + all.dropped_received};
}

void ClusterService::carry_out(cluster::Orders orders) {
  for (cluster::Order& order : orders) {
    std::visit([this](auto& each) { carry_out(each); }, order);
  }
}

void ClusterService::carry_out(cluster::PutRecord& order) {
  nats_.put_record(order.key, order.value.view());
}

void ClusterService::carry_out(cluster::DeleteRecord& order) { nats_.delete_record(order.key); }

void ClusterService::carry_out(cluster::SubscribeSubject& order) { nats_.subscribe(order.subject); }

void ClusterService::carry_out(cluster::UnsubscribeSubject& order) {
  nats_.unsubscribe(order.subject);
}

void ClusterService::carry_out(cluster::AddRemoteFilter& order) {
  changes_.push_back({std::move(order.filter), true});
}

void ClusterService::carry_out(cluster::RemoveRemoteFilter& order) {
  changes_.push_back({std::move(order.filter), false});
}

void ClusterService::carry_out(cluster::TellHeard& order) { heard_.push_back(std::move(order)); }

void ClusterService::carry_out(cluster::LogLine& order) {
  if (!log_.enabled(order.type)) return;
  log_.write_event(order.type, {.event = order.event}, order.text);
}

void ClusterService::tell_shards() {
  if (changes_.empty() && heard_.empty()) return;
  std::move_only_function<void()> done;
  if (!heard_.empty()) {
    done = [this, heard = std::exchange(heard_, {})] { tell_others(heard); };
  }
  ports_.change_filters(std::exchange(changes_, {}), std::move(done));
}

void ClusterService::tell_others(const std::vector<cluster::TellHeard>& heard) {
  for (const cluster::TellHeard& each : heard) {
    mqtt::ByteBuffer message;
    cluster::encode(cluster::HeardMessage{each.incarnation, each.number, options_.node}, message);
    static_cast<void>(nats_.publish(
        cluster::subject_of_heard(cluster::prefix_of_cluster(options_.cluster), each.node),
        message.view()));
  }
}

}  // namespace server
