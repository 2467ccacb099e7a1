// transport/flush_pace.h
#pragma once

#include <cstddef>

namespace transport {

/// When the output of a turn leaves, and how often in one go.
///
/// Shape      note_input() ... -> run() -> note_input() ...
/// Threads    None.
class FlushPace {
 public:
  /// Bytes read before output leaves even within a turn: bounds the output that gathers.
  static constexpr std::size_t input_bytes_max = std::size_t{256} << 10U;
  /// Sockets read, or found to be at their end, before output leaves: libuv hands out up to 48
  /// times 1024 of them in one go, and when everybody comes at once, none of them may wait for all
  /// the others.
  static constexpr int inputs_max = 64;
  /// A flush may make more output (a socket with room asks for more); after so many rounds sockets
  /// are looked at again.
  static constexpr int rounds_max = 8;

  /// `bytes` of one socket were read. Returns whether output has to leave before more is read.
  [[nodiscard]] bool note_input(std::size_t bytes) noexcept {
    input_bytes_ += bytes;
    ++inputs_;
    return input_bytes_ >= input_bytes_max || inputs_ >= inputs_max;
  }

  /// Calls `round` until it returns false: there was nothing to write. Input counts anew from here.
  template <typename Round>
  void run(Round&& round) {
    input_bytes_ = 0;
    inputs_ = 0;
    for (int count = 0; count < rounds_max && round(); ++count) {
    }
  }

 private:
  std::size_t input_bytes_ = 0;  // since the last flush
  int inputs_ = 0;               // the same in sockets
};

}  // namespace transport
