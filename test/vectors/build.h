// test/vectors/build.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vectors {

/// Bytes by hand: written from the specification, not with the encoders that they test.
[[nodiscard]] std::string u8(unsigned value);
[[nodiscard]] std::string u16(unsigned value);
[[nodiscard]] std::string u32(std::uint32_t value);
/// A Variable Byte Integer in its shortest form.
[[nodiscard]] std::string varint(std::size_t value);
/// Two bytes of length and the text, or binary data.
[[nodiscard]] std::string text(std::string_view value);
/// A property block: its length, then `properties`, which are made with the functions above.
[[nodiscard]] std::string block(std::string_view properties);
/// A packet: `first_byte` (type and flags), the length of `body`, `body`.
[[nodiscard]] std::string packet(unsigned first_byte, std::string_view body);

}  // namespace vectors
