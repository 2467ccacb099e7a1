#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "broker/core/ids.h"

namespace server {

/// The marks of filters that other nodes are to be told, with the times since when; see
/// FilterWatch.
///
/// Bounds     A mark waits for wait_milliseconds_max: without a majority of NATS servers nothing is
///            written, and clients of this node are served all the same.
/// Threads    None.
class FilterMarks final {
 public:
  static constexpr std::int64_t wait_milliseconds_max = 2000;

  void add(std::uint64_t mark, broker::Instant now) {
    if (mark == last_) return;
    last_ = mark;
    waiting_.push_back({mark, now});
  }
  /// The mark up to which no SUBSCRIBE has to wait, if other nodes know the filters up to
  /// `announced`.
  [[nodiscard]] std::uint64_t settle(std::uint64_t announced, broker::Instant now) {
    for (; !waiting_.empty(); waiting_.pop_front()) {
      const Mark& first = waiting_.front();
      const bool overdue = now.milliseconds - first.since.milliseconds > wait_milliseconds_max;
      if (first.mark > announced && !overdue) break;
      announced = std::max(announced, first.mark);
    }
    return announced;
  }
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }

 private:
  struct Mark {
    std::uint64_t mark = 0;
    broker::Instant since;
  };
  std::deque<Mark> waiting_;
  std::uint64_t last_ = 0;
};

}  // namespace server
