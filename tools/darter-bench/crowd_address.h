#pragma once

#include <cstdint>

namespace bench {

/// Where the client of this number comes from: 127.1.x.y, 250 clients from each, so that no limit
/// of one address or its ports is met.
[[nodiscard]] constexpr std::uint32_t crowd_address(std::uint32_t number) noexcept {
  constexpr std::uint32_t first = 127U << 24U | 1U << 16U;
  constexpr std::uint32_t connections_per_address = 250;
  const std::uint32_t address = number / connections_per_address;
  return first + (address / 250 << 8U) + address % 250 + 1;
}

/// The number of connections that one process can hold open, with a few descriptors for itself.
inline constexpr std::uint32_t crowd_max = 10'000;

}  // namespace bench
