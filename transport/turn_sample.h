// transport/turn_sample.h
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>

#include "broker/core/histogram.h"

namespace transport {

/// How long turns of a loop take, measured in one turn of `interval`: a look at the clock in every
/// turn would cost a lone message some percent.
///
/// Shape      turn() -> begin(), if is_due() -> left() as often as output leaves -> turn() ...
/// Units      Microseconds of any clock that is never set.
/// Invariant  The wait for sockets is in no duration: a turn begins with its first input.
/// Threads    Its loop's only.
class TurnSample {
 public:
  /// A prime: a client whose every message takes four turns is measured in each of the four, not
  /// for ever in the one that sends nothing.
  static constexpr std::uint32_t interval = 17;

  /// The turn before is over, and the one with that number comes.
  void turn(std::uint32_t number) noexcept {
    if (state_ == State::running) whole_.add(passed(left_));
    state_ = number % interval == 0 ? State::due : State::off;
  }
  /// Whether this turn is to be measured, and nothing came in so far.
  [[nodiscard]] bool is_due() const noexcept { return state_ == State::due; }
  /// The first input is there.
  void begin(std::int64_t now) noexcept {
    assert(is_due());
    begin_ = left_ = now;
    sent_ = false;
    state_ = State::running;
  }
  [[nodiscard]] bool is_running() const noexcept { return state_ == State::running; }
  /// Mail came from another loop's turn that is measured and began then; 0: from none.
  void crossed(std::int64_t begun) noexcept {
    if (begun == 0) return;
    crossing_begun_ = crossing_begun_ == 0 ? begun : std::min(begun, crossing_begun_);
  }
  /// Whether left() is to be called.
  [[nodiscard]] bool is_measured() const noexcept { return is_running() || crossing_begun_ != 0; }
  /// When the turn that is measured began; 0: this one is not.
  [[nodiscard]] std::int64_t begun_microseconds() const noexcept {
    return is_running() ? begin_ : 0;
  }
  /// The turn has done all it had to do so far; `sent`: output of clients was among that.
  void left(std::int64_t now, bool sent) noexcept {
    assert(is_measured());
    const std::int64_t begun = std::exchange(crossing_begun_, 0);
    if (begun != 0 && sent)
      crossings_.add(static_cast<std::uint64_t>(std::max(now, begun) - begun));
    if (!is_running()) return;
    assert(now >= begin_);
    left_ = now;
    if (sent && !sent_) first_output_.add(passed(now));
    sent_ = sent_ || sent;
  }

  /// From the first input of a turn to its end.
  [[nodiscard]] const broker::Histogram& whole() const noexcept { return whole_; }
  /// From the first input of a turn until its first output was written to sockets.
  [[nodiscard]] const broker::Histogram& first_output() const noexcept { return first_output_; }
  /// From the first input of another loop's turn until output that its mail caused was written.
  [[nodiscard]] const broker::Histogram& crossings() const noexcept { return crossings_; }

 private:
  enum class State : std::uint8_t { off, due, running };

  [[nodiscard]] std::uint64_t passed(std::int64_t now) const noexcept {
    return static_cast<std::uint64_t>(now - begin_);
  }

  broker::Histogram whole_;
  broker::Histogram first_output_;
  broker::Histogram crossings_;
  std::int64_t begin_ = 0;
  std::int64_t crossing_begun_ = 0;
  std::int64_t left_ = 0;  // when the turn had done all it had to do, last
  State state_ = State::off;
  bool sent_ = false;
};

}  // namespace transport
