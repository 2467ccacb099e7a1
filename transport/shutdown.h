// transport/shutdown.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/core/ids.h"

namespace transport {

class Loop;

/// The orderly end of one loop, in the steps that Loops::stop() asks for at all loops together.
///
/// Shape      stop_input() -> publish_wills() until there are no more -> carry_on() until all loops
///            are quiet -> begin() -> carry_on() again -> permit_end() -> end_if_done() each turn
/// Threads    Its loop's only.
class Shutdown {
 public:
  explicit Shutdown(Loop& loop) noexcept : loop_(loop) {}
  Shutdown(const Shutdown&) = delete;
  Shutdown& operator=(const Shutdown&) = delete;

  /// Accepting and reading end.
  void stop_input();
  /// Publishes a part of the wills, unless other shards have no room for them. Returns whether
  /// there are more.
  [[nodiscard]] bool publish_wills();
  /// Handles the messages from other loops, and releases the output that they permit. Returns
  /// whether the store has something to write.
  [[nodiscard]] bool carry_on();
  /// Says goodbye to every client. Their answers and ends are read again.
  void begin();
  /// No other loop has anything for this one: it ends once its output is written.
  void permit_end() noexcept;
  /// Ends the loop once it may, and either nothing waits to be written, or the time for that is
  /// over. To be called at the end of each turn.
  void end_if_done();

  /// Whether stop_input() was called.
  [[nodiscard]] bool has_begun() const noexcept { return phase_ != Phase::none; }
  /// Whether nothing may be read: between stop_input() and begin().
  [[nodiscard]] bool holds_input() const noexcept { return phase_ == Phase::input_stopped; }

 private:
  enum class Phase : std::uint8_t { none, input_stopped, closing, may_end };

  Loop& loop_;
  Phase phase_ = Phase::none;
  std::size_t next_will_ = 0;  // place of the session that publish_wills() goes on with
  broker::Instant deadline_;   // for output, from begin() on
};

}  // namespace transport
