// persistence/store_clock.h
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/ids.h"

namespace persistence {

/// The clocks at one moment.
struct ClockReading {
  std::int64_t wall_milliseconds = 0;     // since 1970; this clock may be set
  std::int64_t instant_milliseconds = 0;  // since the machine was started, sleep included
  std::string boot;                       // names the start of the machine; empty: not known

  [[nodiscard]] std::int64_t offset_milliseconds() const noexcept {
    return wall_milliseconds - instant_milliseconds;
  }
};

/// Turns Instants into times since 1970 and back, though the wall clock may be wrong, and set.
///
/// Shape      All rows of a store have the same offset between the two. After the wall clock was
///            set, or at a start, the offset differs from the clocks': then times_step() gives the
///            step by which the rows' times have to be moved, and moved() confirms that this was
///            done.
/// Invariant  Within one start of the machine the rows' offset is exact, whatever the wall clock
///            said. Over several, no more time has passed than the wall clock shows; and if it is
///            behind the store's latest note, or the store was written under a clock that had
///            never been set, only the time since the machine's start counts.
/// Threads    None.
class StoreClock {
 public:
  using Read = std::function<ClockReading()>;

  /// Steps below this are left alone: rows are that far off at most.
  static constexpr std::int64_t tolerance_milliseconds = 500;

  explicit StoreClock(Read read);

  /// At the start: `note` is the store's latest, as note() made it; empty if there is none.
  /// Returns   Whether the wall clock can be true. If not, reason() is a clause for the log.
  [[nodiscard]] bool remember(std::string_view note);
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

  /// How far times of rows have to be moved now; nothing if they are right.
  [[nodiscard]] std::optional<std::int64_t> times_step() const;
  /// Times of rows were moved by `step`; `-step`: that was undone.
  void moved(std::int64_t step) noexcept { offset_ += step; }

  /// Whether the store should be told the time again.
  [[nodiscard]] bool note_is_old() const;
  /// The text that the store keeps: "BOOT OFFSET WALL".
  [[nodiscard]] std::string note();

  /// An Instant as a time since 1970, as rows have it, and back. Nothing stays nothing.
  [[nodiscard]] std::optional<std::int64_t> to_wall(
      const std::optional<broker::Instant>& instant) const noexcept;
  [[nodiscard]] broker::Instant from_wall(std::int64_t milliseconds) const noexcept {
    return {milliseconds - offset_};
  }
  [[nodiscard]] std::optional<broker::Instant> from_wall(
      const std::optional<std::int64_t>& milliseconds) const noexcept;

  /// Of the rows.
  [[nodiscard]] std::int64_t offset_milliseconds() const noexcept { return offset_; }
  [[nodiscard]] std::int64_t instant_milliseconds() const { return read_().instant_milliseconds; }

 private:
  struct Stored {
    std::string boot;
    std::int64_t offset = 0;
    std::int64_t wall = 0;
  };
  [[nodiscard]] static std::optional<Stored> parse(std::string_view note);
  /// The offset under which the rows' times keep their meaning.
  [[nodiscard]] std::int64_t believed_offset(const Stored& stored, const ClockReading& now);

  Read read_;
  std::int64_t offset_ = 0;
  std::int64_t noted_ = INT64_MIN;  // Instant of the last note
  std::string reason_;
};

}  // namespace persistence
