// broker/core/top_meter.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/top_sketch.h"

namespace broker {

/// A list of the texts with the highest rates.
enum class TopList : std::uint8_t {
  topics_by_messages,
  topics_by_bytes,
  clients_by_messages,
  clients_by_bytes,
};
inline constexpr std::array<std::string_view, 4> top_list_names = {
    "topics_by_messages", "topics_by_bytes", "clients_by_messages", "clients_by_bytes"};
[[nodiscard]] constexpr bool is_by_bytes(TopList list) noexcept {
  return list == TopList::topics_by_bytes || list == TopList::clients_by_bytes;
}

/// The topics and the publishing clients with the highest rates of the last minute or so.
///
/// Shape      is_due() with each PUBLISH; if it says so, sample() with that one. A sample stands
///            for all messages since the last one. The distance of samples follows the traffic:
///            below samples_of_second messages a second each is a sample, and the rates are exact.
///            Distances are random, so that regular traffic is not sampled in step.
/// Units      Weights of entries divided by seconds() are rates: means over time in which a second
///            weighs 1 / e of that half a minute later.
/// Cost       Two instructions with a message that is no sample; at most some hundred samples a
///            second, of some microseconds.
/// Threads    None.
class TopMeter {
 public:
  static constexpr std::uint32_t samples_of_second = 128;
  static constexpr double time_constant_seconds = 30;

  explicit TopMeter(std::uint64_t seed) noexcept : random_(seed) {}

  /// Counts a PUBLISH; returns whether it is to be sampled.
  [[nodiscard]] bool is_due() noexcept { return --countdown_ == 0; }
  /// Requires  is_due() was true for this message.
  void sample(std::string_view topic, std::string_view client_id, std::size_t bytes);
  /// To be called often: once a second the weights decay, and the distance of samples is chosen.
  void tick(Instant now);

  [[nodiscard]] const TopSketch& sketch(TopList list) const noexcept {
    return sketches_[static_cast<std::size_t>(list)];
  }
  /// The time that the weights stand for; at least a second.
  [[nodiscard]] double seconds() const noexcept { return seconds_ < 1 ? 1 : seconds_; }

 private:
  /// So far until a shard knows its traffic.
  static constexpr std::uint32_t first_distance = 1024;
  static constexpr std::uint32_t distance_max = 1U << 20;

  /// All messages so far.
  [[nodiscard]] std::uint64_t counted() const noexcept { return before_ + (begun_ - countdown_); }
  void begin_countdown() noexcept;
  void choose_distance(double seconds);

  std::uint32_t countdown_ = first_distance;  // messages up to the next sample
  std::uint32_t begun_ = first_distance;      // countdown_ when it began
  std::uint32_t distance_ = first_distance;   // the mean of begun_
  std::uint32_t samples_ = 0;                 // in this second
  std::uint64_t before_ = 0;                  // messages before the countdown
  std::uint64_t sampled_ = 0;                 // counted() at the last sample
  std::uint64_t looked_ = 0;                  // counted() at the beginning of this second
  std::uint64_t random_;
  double seconds_ = 0;
  Instant ticked_{};
  std::array<TopSketch, top_list_names.size()> sketches_;
};

}  // namespace broker
