#include "broker/wire/cursor.h"

#include <cassert>

#include "broker/wire/protocol.h"

namespace mqtt {

std::optional<std::uint32_t> Cursor::four_byte_integer() noexcept {
  if (rest_.size() < 4) return std::nullopt;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | at(i);
  rest_ = rest_.subspan(4);
  return value;
}

std::optional<std::uint32_t> Cursor::long_variable_byte_integer() noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4 && i < rest_.size(); ++i) {
    value |= (at(i) & 0x7FU) << (7U * i);
    if (at(i) < 0x80U) {
      rest_ = rest_.subspan(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

void write_two_byte_integer(ByteBuffer& out, std::uint16_t value) {
  put_two_byte_integer(out.extend(2), value);
}

void write_four_byte_integer(ByteBuffer& out, std::uint32_t value) {
  put_four_byte_integer(out.extend(4), value);
}

void write_variable_byte_integer(ByteBuffer& out, std::uint32_t value) {
  assert(value <= variable_byte_integer_max);
  put_variable_byte_integer(out.extend(variable_byte_integer_size(value)), value);
}

void write_text(ByteBuffer& out, std::string_view text) { write_binary(out, as_bytes(text)); }

void write_binary(ByteBuffer& out, Bytes data) {
  assert(data.size() <= text_bytes_max);  // [MQTT-4.7.3-3]
  std::byte* const place = out.extend(2 + data.size());
  put_bytes(put_two_byte_integer(place, static_cast<std::uint16_t>(data.size())), data);
}

}  // namespace mqtt
