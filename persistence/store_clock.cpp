#include "persistence/store_clock.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace persistence {
namespace {

/// darter is younger than this, 2024-01-01: a clock that shows an earlier time was never set.
constexpr std::int64_t darter_begins_milliseconds = 1'704'067'200'000;
/// A minute is enough: the note only has to tell a clock that runs behind.
constexpr std::int64_t note_interval_milliseconds = 60'000;

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

StoreClock::StoreClock(Read read) : read_(std::move(read)) {
  if (!read_) read_ = [] { return ClockReading{}; };
  offset_ = read_().offset_milliseconds();
}

std::optional<std::int64_t> StoreClock::to_wall(
    const std::optional<broker::Instant>& instant) const noexcept {
  if (!instant) return std::nullopt;
  return instant->milliseconds + offset_;
}

std::optional<broker::Instant> StoreClock::from_wall(
    const std::optional<std::int64_t>& milliseconds) const noexcept {
  if (!milliseconds) return std::nullopt;
  return from_wall(*milliseconds);
}

bool StoreClock::remember(std::string_view note) {
  const ClockReading now = read_();
  offset_ = now.offset_milliseconds();
  const std::optional<Stored> stored = parse(note);
  if (stored && !now.boot.empty()) offset_ = believed_offset(*stored, now);
  return reason_.empty();
}

std::int64_t StoreClock::believed_offset(const Stored& stored, const ClockReading& now) {
  if (stored.boot == now.boot) return stored.offset;
  const std::int64_t since_start = now.instant_milliseconds;
  std::int64_t passed = now.wall_milliseconds - stored.wall;
  if (passed < 0) {
    reason_ = "it shows a time before the store's last entry";
    passed = since_start;
  } else if (stored.wall < darter_begins_milliseconds) {
    reason_ = "it had not been set when the store was last written";
    passed = since_start;
  }
  return stored.wall + std::max(passed, since_start) - now.instant_milliseconds;
}

std::optional<StoreClock::Stored> StoreClock::parse(std::string_view note) {
  const auto first = note.find(' ');
  const auto last = note.rfind(' ');
  if (first == note.npos || first == last) return std::nullopt;
  const auto offset = number_of(note.substr(first + 1, last - first - 1));
  const auto wall = number_of(note.substr(last + 1));
  if (!offset || !wall) return std::nullopt;
  return Stored{std::string(note.substr(0, first)), *offset, *wall};
}

std::optional<std::int64_t> StoreClock::times_step() const {
  const std::int64_t step = read_().offset_milliseconds() - offset_;
  if (step > -tolerance_milliseconds && step < tolerance_milliseconds) return std::nullopt;
  return step;
}

bool StoreClock::note_is_old() const {
  return noted_ == INT64_MIN || read_().instant_milliseconds - noted_ >= note_interval_milliseconds;
}

std::string StoreClock::note() {
  const ClockReading now = read_();
  noted_ = now.instant_milliseconds;
  return now.boot + " " + std::to_string(offset_) + " " + std::to_string(now.wall_milliseconds);
}

}  // namespace persistence
