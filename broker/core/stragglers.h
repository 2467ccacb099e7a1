// broker/core/stragglers.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <map>

#include "broker/core/in_flight.h"

namespace broker {

/// Deliveries that are in flight still while most that came after them are over.
///
/// Shape      By number, and from packet identifier to number: Outgoing takes them out of its
///            window, which would be holes for the most part.
/// Invariant  No two have one identifier.
/// Threads    None.
class Stragglers {
 public:
  struct Place {
    std::uint64_t number;
    InFlight* entry;  // null: there is none
  };

  [[nodiscard]] bool empty() const noexcept { return by_number_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return by_number_.size(); }
  /// Requires  A number that none of them has, nor its identifier.
  void add(std::uint64_t number, InFlight entry);
  [[nodiscard]] Place find(mqtt::PacketId id) noexcept;
  /// Requires that find() finds it.
  void remove(mqtt::PacketId id);
  /// Requires that there is one.
  [[nodiscard]] std::uint64_t first_number() const noexcept {
    assert(!empty());
    return by_number_.begin()->first;
  }

  /// Marks all as to be sent again; next_to_resend() begins with the oldest.
  void rewind() noexcept;
  /// next_to_resend() looks at all once more, whatever their states.
  void resume_resending() noexcept { resend_ = 0; }
  /// The oldest that is still to be sent again.
  [[nodiscard]] Place next_to_resend() noexcept;
  [[nodiscard]] bool resending() const noexcept { return resend_ != none; }

  /// Calls `visit(number, InFlight&)` for each, oldest first.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (auto& [number, entry] : by_number_) visit(number, entry);
  }

 private:
  static constexpr std::uint64_t none = UINT64_MAX;

  std::map<std::uint64_t, InFlight> by_number_;
  std::map<mqtt::PacketId, std::uint64_t> numbers_;
  std::uint64_t resend_ = none;  // from this number on they are looked at
};

}  // namespace broker
