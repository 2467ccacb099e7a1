#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "broker/core/ids.h"

namespace transport {

/// TLS handshakes of one loop: those under way, and connections that wait for theirs.
///
/// Shape      has_to_wait() -> wait() -> admit() ... begin() -> spend() as often as bytes come ->
///            end().
/// Units      A turn is the loop's own count of them; time is in nanoseconds.
/// Invariant  Connections that wait hold no memory of TLS: a handshake under way holds some 50 KB.
/// Threads    None.
class HandshakeQueue {
 public:
  /// Handshakes under way on one loop; a connection that comes then is not read.
  static constexpr std::size_t under_way_max = 1000;
  /// Time that handshakes take in one turn, except for the last of them: the rest of the turn
  /// belongs to connections that are open.
  static constexpr std::uint64_t nanoseconds_per_turn = 2'000'000;

  [[nodiscard]] bool is_full() const noexcept { return under_way_ >= under_way_max; }
  /// Whether handshakes may take more time in this turn.
  [[nodiscard]] bool has_time(std::uint32_t turn) const noexcept {
    return turn_ != turn || spent_nanoseconds_ < nanoseconds_per_turn;
  }
  void spend(std::uint32_t turn, std::uint64_t nanoseconds) noexcept;

  /// Counts a handshake that begins. Each is ended once, whatever comes of it.
  void begin() noexcept { ++under_way_; }
  void end() noexcept;

  /// A connection waits until a handshake has ended.
  void wait(broker::ConnectionId connection) { waiting_.push_back(connection); }
  /// Takes out connections that wait, the oldest first, as many as there is room for. `start`
  /// returns false if a connection does not need its turn any more.
  template <typename Start>
  void admit(Start&& start) {
    std::size_t room = is_full() ? 0 : under_way_max - under_way_;
    while (room > 0 && !waiting_.empty()) {
      const broker::ConnectionId connection = waiting_.front();
      waiting_.pop_front();
      if (start(connection)) --room;
    }
  }

 private:
  std::deque<broker::ConnectionId> waiting_;
  std::size_t under_way_ = 0;
  std::uint32_t turn_ = 0;               // the last turn with a handshake
  std::uint64_t spent_nanoseconds_ = 0;  // in that turn
};

}  // namespace transport
