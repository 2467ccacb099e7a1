#include "broker/shard_admin.h"

#include "broker/inspection.h"
#include "broker/shard_state.h"

// An administrator's questions and orders.

namespace broker {

bool ShardAdmin::show_clients(std::size_t& next, Instant now,
                              const std::function<bool(const ClientView&)>& visit) const {
  Shard::State& state = inside_.aside();
  return Inspection(state.tables.sessions, state.subscriptions).clients(next, now, visit);
}

bool ShardAdmin::show_client(
    std::string_view client_id, Instant now, const std::function<bool(const ClientView&)>& visit,
    const std::function<void(const SubscriptionView&)>& visit_subscription) const {
  Shard::State& state = inside_.aside();
  return Inspection(state.tables.sessions, state.subscriptions)
      .client(client_id, now, visit, visit_subscription);
}

bool ShardAdmin::disconnect_client(std::string_view client_id, Instant now) {
  const Shard::Entry entry = inside_.enter(now);
  return (*entry).dismissals.disconnect(client_id);
}

bool ShardAdmin::forget_session(std::string_view client_id, Instant now) {
  const Shard::Entry entry = inside_.enter(now);
  return (*entry).dismissals.forget(client_id);
}

std::unique_ptr<RetainedWalk> ShardAdmin::walk_retained(std::string_view filter) {
  return std::make_unique<RetainedWalk>(inside_.aside().tables.retained, filter);
}

bool ShardAdmin::continue_walk(
    RetainedWalk& walk, Instant now,
    const std::function<void(const MessageView&, const Publisher*)>& visit) const {
  std::size_t steps = 1024;  // less than a millisecond
  return !walk.run(steps, now, [&](const Retained::Record& record) {
    visit(record.message->view(), record.publisher.get());
  });
}

bool ShardAdmin::remove_retained(std::string_view topic, Instant now) {
  const Shard::Entry entry = inside_.enter(now);
  Shard::State& state = *entry;
  if (state.tables.retained.find(topic) == nullptr) return false;
  state.path.distribution.publish_own(topic, {}, true);
  return true;
}

const TopMeter& ShardAdmin::top() const noexcept { return inside_.aside().publishes.top(); }

void ShardAdmin::trace(TraceSink* sink) noexcept { inside_.aside().tables.tracer.set(sink); }

void ShardAdmin::show_connection(ConnectionId connection,
                                 const std::function<void(const ConnectionView&)>& visit) const {
  const Connection* const found = inside_.aside().tables.connections.find(connection);
  if (found == nullptr) return;
  const std::string_view client_id =
      found->session == nullptr ? std::string_view() : found->session->client_id.view();
  visit({client_id, found->version, found->tail.view()});
}

}  // namespace broker
