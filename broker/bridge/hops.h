#pragma once

#include <cstdint>
#include <string_view>

#include "broker/wire/bytes.h"

namespace bridge {

/// How many bridges of darter a message has crossed: a user property of it, where both ends of a
/// bridge speak 5.0.
///
/// Shape      `darter-hops` with a decimal number. The mark of no-local keeps a message from going
///            back over the bridge that it came by; this one ends its way round a ring of brokers,
///            or over two bridges between the same pair.
inline constexpr std::string_view hops_property = "darter-hops";

/// A message that has crossed so many bridges crosses no more. Longer chains than that from a
/// sensor to a data centre are not known; a ring of three is gone round twice.
inline constexpr std::uint32_t hops_max = 8;

/// The number in a block as mqtt::forwarded_properties() makes it; 0 if there is none, hops_max if
/// it is no number or more than that.
[[nodiscard]] std::uint32_t hops_of(mqtt::Bytes properties) noexcept;

/// Appends the block with that number in place of its own.
void write_with_hops(mqtt::Bytes properties, std::uint32_t hops, mqtt::ByteBuffer& out);

}  // namespace bridge
