// broker/core/due_queue.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/core/ids.h"

namespace broker {

/// Small numbers, in the order of the time at which each is to be looked at.
///
/// Shape      A heap of (time, number), and by number the time that counts: an entry with another
///            time has been overtaken by an earlier one and is passed over.
/// Invariant  At most one entry of a number counts. Of the others there are no more than of those,
///            and a few.
/// Lifetime   A number that is scheduled comes out once, even if its user has forgotten it.
/// Threads    None.
class DueQueue {
 public:
  /// The number comes out at `due`, or earlier if it is scheduled for an earlier time. The caller
  /// that takes it out checks whether it is due, and schedules it again if not.
  ///
  /// Cost      O(log size); nothing if it is scheduled already.
  void schedule(std::uint32_t number, Instant due);
  /// Takes a number that is due, the oldest first; nothing if none is.
  [[nodiscard]] std::optional<std::uint32_t> pop(Instant now);
  /// Numbers that are scheduled.
  [[nodiscard]] std::size_t size() const noexcept { return scheduled_; }
  /// Entries, superseded ones included: memory follows them.
  [[nodiscard]] std::size_t entries() const noexcept { return heap_.size(); }

 private:
  static constexpr Instant none{INT64_MAX};

  struct Entry {
    Instant due;
    std::uint32_t number;
  };
  [[nodiscard]] static bool later(const Entry& one, const Entry& other) noexcept {
    return one.due > other.due;
  }
  void drop_overtaken();
  void give_memory_back();

  std::vector<Entry> heap_;
  std::vector<Instant> due_;  // by number
  std::size_t scheduled_ = 0;
};

}  // namespace broker
