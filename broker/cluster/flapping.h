#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/core/ids.h"

namespace cluster {

/// Slows down client ids that move between nodes all the time: two clients with one id, each of
/// which takes the session from the other.
///
/// Shape      Each takeover that the watch shows is counted, for `window_milliseconds`. Above
///            `moves_max` of them the next takeover waits `delay_milliseconds`, and twice as long
///            for each one more, up to `delay_milliseconds_max`.
/// Bound      Takeovers of the last window, `remembered_max` at most: then the oldest are
/// forgotten. Threads    None.
class Flapping final {
 public:
  struct Options {
    std::size_t moves_max = 8;
    std::int64_t window_milliseconds = 10'000;
    std::int64_t delay_milliseconds = 500;
    std::int64_t delay_milliseconds_max = 8000;
    std::size_t remembered_max = 65'536;
  };
  explicit Flapping(Options options) : options_(options) {}

  /// The session went to another owner.
  void moved(std::string_view client_id, broker::Instant now);
  /// How long a takeover of it waits from now. 0: not at all.
  [[nodiscard]] std::int64_t delay(std::string_view client_id, broker::Instant now);
  [[nodiscard]] std::size_t size() const noexcept { return moves_.size(); }

 private:
  struct Move {
    std::string client_id;
    broker::Instant at;
  };

  void forget(broker::Instant now);
  void forget_oldest();

  Options options_;
  std::deque<Move> moves_;
  std::unordered_map<std::string, std::size_t> counts_;
};

}  // namespace cluster
