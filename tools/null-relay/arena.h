#pragma once

#include <cassert>
#include <cstddef>
#include <vector>

namespace relay {

/// Memory that is handed out piece by piece and taken back all at once.
///
/// Invariant  A piece stays where it is until clear().
class Arena {
 public:
  explicit Arena(std::size_t bytes) : memory_(bytes) {}

  [[nodiscard]] bool has_room_for(std::size_t bytes) const noexcept {
    return memory_.size() - used_bytes_ >= bytes;
  }
  /// Where the next piece begins.
  [[nodiscard]] std::byte* next() noexcept { return memory_.data() + used_bytes_; }
  /// Hands out `bytes` from next() on. Requires room for them.
  std::byte* take(std::size_t bytes) noexcept {
    assert(has_room_for(bytes));
    std::byte* const piece = next();
    used_bytes_ += bytes;
    return piece;
  }
  /// Takes every piece back, and makes sure that there is room for one of `bytes`.
  void clear(std::size_t bytes = 0) {
    used_bytes_ = 0;
    if (memory_.size() < bytes) memory_.resize(bytes);
  }

 private:
  std::vector<std::byte> memory_;
  std::size_t used_bytes_ = 0;
};

}  // namespace relay
