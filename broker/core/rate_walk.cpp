#include "broker/core/rate_walk.h"

namespace broker {

void RateWalk::tick(Instant now) {
  if (!walking_) {
    if (now < next_walk_) return;
    next_walk_ = after_seconds(now, window_seconds);
  }
  walking_ = connections_.each_of_some(next_slot_, places_of_tick, [now](Connection& connection) {
    connection.message_rate.next_window(now);
  });
}

}  // namespace broker
