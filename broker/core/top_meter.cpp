#include "broker/core/top_meter.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace broker {

void TopMeter::sample(std::string_view topic, std::string_view client_id, std::size_t bytes) {
  assert(countdown_ == 0);
  const auto messages = static_cast<double>(counted() - sampled_);
  const double all_bytes = messages * static_cast<double>(bytes);
  for (std::size_t i = 0; i < sketches_.size(); ++i) {
    const auto list = static_cast<TopList>(i);
    const bool is_of_topics =
        list == TopList::topics_by_messages || list == TopList::topics_by_bytes;
    const std::string_view text = is_of_topics ? topic : client_id;
    if (is_by_bytes(list)) {
      sketches_[i].add(text, all_bytes, messages);
    } else {
      sketches_[i].add(text, messages, all_bytes);
    }
  }
  sampled_ = counted();
  // A burst may come between two ticks: the time of its samples is bounded, too.
  if (++samples_ % (2 * samples_of_second) == 0) distance_ = std::min(2 * distance_, distance_max);
  begin_countdown();
}

// Uniform from 1 to 2 * distance_ - 1.
void TopMeter::begin_countdown() noexcept {
  before_ = counted();
  random_ = random_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's, of MMIX
  begun_ = 1 + static_cast<std::uint32_t>(random_ >> 33U) % (2 * distance_ - 1);
  countdown_ = begun_;
}

void TopMeter::tick(Instant now) {
  const double seconds = static_cast<double>(now.milliseconds - ticked_.milliseconds) / 1000;
  if (seconds < 1) return;
  const bool is_first = ticked_.milliseconds == 0;
  ticked_ = now;
  const double factor = is_first ? 1 : std::exp(-seconds / time_constant_seconds);
  for (TopSketch& each : sketches_) each.decay(factor);
  seconds_ = seconds_ * factor + time_constant_seconds * (1 - factor);
  choose_distance(is_first ? 1 : seconds);
}

void TopMeter::choose_distance(double seconds) {
  const auto messages = static_cast<double>(counted() - looked_);
  const double wanted = messages / seconds / samples_of_second;
  distance_ = static_cast<std::uint32_t>(std::clamp(wanted, 1.0, double{distance_max}));
  looked_ = counted();
  samples_ = 0;
  // Traffic that became slow waits for no sample that is far away.
  if (countdown_ >= 2 * distance_) begin_countdown();
}

}  // namespace broker
