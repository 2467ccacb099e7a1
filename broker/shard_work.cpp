// Work that takes more than one turn: other clients are served in between.

#include <algorithm>
#include <utility>

#include "broker/shard_state.h"

namespace broker {
namespace {

/// The least that one of many gets done in a turn.
constexpr std::size_t steps_per_slice_min = 64;

}  // namespace

bool Shard::work(Instant now) {
  State& state = inside_.aside();
  state.turn.begin();
  if (!state.has_work()) return false;
  {
    const Entry entry = inside_.enter(now);
    state.do_work();
  }
  // Once the disk has caught up, committed() begins a turn.
  return state.has_work() && !state.pressure.journal_is_behind();
}

void Shard::State::do_work() {
  const std::size_t all = working.size() + life.works();
  const std::size_t slice = std::max(Turn::steps_max / all, steps_per_slice_min);
  for (std::size_t count = working.size(); count > 0 && turn.has_steps(); --count) {
    Connection* const connection = connections.find(working.pop_front());
    if (connection == nullptr || !connection->work) continue;
    forwards.begin_client_input();
    turn.slice(slice, [&] {
      if (go_on_with_packet(*connection) == Next::go_on) end_packet(*connection);
    });
  }
  life.do_work(slice);
}

Next Shard::State::on_filters(Connection& connection, const mqtt::Frame& frame) {
  if (const auto failure = subscriptions.begin(connection, frame)) {
    return disconnects.fail(connection, *failure);
  }
  return go_on_with_packet(connection);
}

Next Shard::State::go_on_with_packet(Connection& connection) {
  const auto handled = subscriptions.go_on(connection);
  if (!handled) return disconnects.fail(connection, handled.error());
  if (*handled == Subscriptions::Handled::done) {
    connection.work.reset();
    return Next::go_on;
  }
  pressure.charge(connection.work->keep());
  working.push_back(connection.id);
  return Next::wait;
}

void Shard::State::end_packet(Connection& connection) {
  if (Reading::is_delayed(connection)) return;  // end_delay() goes on
  const ConnectionId id = connection.id;
  connection.last_received = turn.now();
  if (!connection.tail.empty() && process_tail(connection) == Next::stop) return;
  if (Connection* const still = connections.find(id)) reading.resume(*still, turn.now());
}

}  // namespace broker
