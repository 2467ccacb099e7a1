#include "broker/cluster/flapping.h"

#include <algorithm>

namespace cluster {

void Flapping::moved(std::string_view client_id, broker::Instant now) {
  forget(now);
  if (moves_.size() >= options_.remembered_max) forget_oldest();
  moves_.push_back({.client_id = std::string(client_id), .at = now});
  ++counts_[moves_.back().client_id];
}

std::int64_t Flapping::delay(std::string_view client_id, broker::Instant now) {
  forget(now);
  const auto count = counts_.find(std::string(client_id));
  if (count == counts_.end() || count->second <= options_.moves_max) return 0;
  std::int64_t delay = options_.delay_milliseconds;
  for (std::size_t more = count->second - options_.moves_max - 1; more > 0; --more) {
    if (delay >= options_.delay_milliseconds_max) break;
    delay *= 2;
  }
  return std::min(delay, options_.delay_milliseconds_max);
}

void Flapping::forget(broker::Instant now) {
  while (!moves_.empty() &&
         now >= broker::after_milliseconds(moves_.front().at, options_.window_milliseconds)) {
    forget_oldest();
  }
}

void Flapping::forget_oldest() {
  const auto count = counts_.find(moves_.front().client_id);
  if (--count->second == 0) counts_.erase(count);
  moves_.pop_front();
}

}  // namespace cluster
