// Work that takes more than one turn: other clients are served in between.

#include <algorithm>

#include "broker/shard_state.h"

namespace broker {
namespace {

/// The least that one of many gets done in a turn.
constexpr std::size_t steps_per_slice_min = 64;

}  // namespace

bool Shard::work(Instant now) {
  State& state = inside_.aside();
  state.path.turn.begin();
  if (!state.has_work()) return false;
  {
    const Entry entry = inside_.enter(now);
    state.do_work();
  }
  // Once the disk has caught up, committed() begins a turn.
  return state.has_work() && !state.path.pressure.journal_is_behind();
}

void Shard::State::do_work() {
  const std::size_t all = requests.works() + life.works();
  const std::size_t slice = std::max(Turn::steps_max / all, steps_per_slice_min);
  requests.do_work(slice, [this](Connection& connection) {
    if (Reading::is_delayed(connection)) return;  // end_delay() goes on
    connection.last_received = path.turn.now();
    resume(connection);
  });
  life.do_work(slice);
}

}  // namespace broker
