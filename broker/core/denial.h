// broker/core/denial.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace broker {

/// An action of a client that access rules deny.
enum class Denial : std::uint8_t {
  publish,    ///< its PUBLISH
  will,       ///< its will
  subscribe,  ///< a topic filter of which it may read nothing
  receive,    ///< a message for one of its subscriptions, also one that waited for it
};
inline constexpr std::size_t denial_kinds = 4;

/// As topics below $SYS say it.
inline constexpr std::array<std::string_view, denial_kinds> denial_names = {"publish", "will",
                                                                            "subscribe", "receive"};

/// How often, by Denial.
using Denials = std::array<std::uint64_t, denial_kinds>;

}  // namespace broker
