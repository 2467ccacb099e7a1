#pragma once

#include <cstddef>
#include <cstdint>
#include <set>

namespace bench {

/// Checks the messages that one subscriber gets of one publisher: 0, 1, 2 and so on, each once.
///
/// Invariant  Every number below next_ has arrived or is in missing_.
class SequenceCheck {
 public:
  enum class Arrival : std::uint8_t {
    in_order,   ///< first time, and nothing later came before it
    reordered,  ///< first time, but something later came before it
    duplicate,
  };

  /// Notes that this number arrived. Numbers that it skips are missing until they come.
  [[nodiscard]] Arrival arrived(std::uint32_t sequence) {
    if (sequence != next_) return arrived_out_of_turn(sequence);
    ++next_;
    return Arrival::in_order;
  }

  /// How many of the first `sent` numbers did not arrive.
  [[nodiscard]] std::size_t lost_of(std::uint32_t sent) const noexcept {
    return missing_.size() + (sent > next_ ? sent - next_ : 0U);
  }

 private:
  [[nodiscard]] Arrival arrived_out_of_turn(std::uint32_t sequence);

  std::uint32_t next_ = 0;
  std::set<std::uint32_t> missing_;
};

}  // namespace bench
