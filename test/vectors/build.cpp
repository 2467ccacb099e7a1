#include "test/vectors/build.h"

namespace vectors {

std::string u8(unsigned value) { return std::string(1, static_cast<char>(value & 0xFFU)); }

std::string u16(unsigned value) { return u8(value >> 8U) + u8(value); }

std::string u32(std::uint32_t value) { return u16(value >> 16U) + u16(value & 0xFFFFU); }

std::string varint(std::size_t value) {
  const auto low = static_cast<unsigned>(value % 128);
  return value < 128 ? u8(low) : u8(low + 128) + varint(value / 128);
}

std::string text(std::string_view value) {
  return u16(static_cast<unsigned>(value.size())).append(value);
}

std::string block(std::string_view properties) {
  return varint(properties.size()).append(properties);
}

std::string packet(unsigned first_byte, std::string_view body) {
  return u8(first_byte).append(block(body));
}

}  // namespace vectors
