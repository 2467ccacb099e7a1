// broker/wire/cursor.h
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"

namespace mqtt {

/// Reads MQTT's data types (section 1.5) off the front of some bytes. A read that does not fit
/// returns nothing and leaves the cursor where it was.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] std::optional<std::uint8_t> byte() noexcept;
  [[nodiscard]] std::optional<std::uint16_t> two_byte_integer() noexcept;
  [[nodiscard]] std::optional<std::uint32_t> four_byte_integer() noexcept;
  /// Nothing also for a fifth byte (section 1.5.5).
  [[nodiscard]] std::optional<std::uint32_t> variable_byte_integer() noexcept;
  /// Two bytes of length, then that many bytes (section 1.5.6).
  [[nodiscard]] std::optional<Bytes> binary() noexcept;
  /// The same, as text. Whether it is UTF-8 is the caller's to check.
  [[nodiscard]] std::optional<std::string_view> text() noexcept;
  /// Exactly `count` bytes.
  [[nodiscard]] std::optional<Bytes> take(std::size_t count) noexcept;

  [[nodiscard]] Bytes rest() const noexcept { return rest_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  Bytes rest_;
};

/// Appends MQTT's data types.
void write_two_byte_integer(ByteBuffer& out, std::uint16_t value);
void write_four_byte_integer(ByteBuffer& out, std::uint32_t value);
void write_variable_byte_integer(ByteBuffer& out, std::uint32_t value);
void write_text(ByteBuffer& out, std::string_view text);
void write_binary(ByteBuffer& out, Bytes data);

/// Bytes that `value` takes as a Variable Byte Integer: 1 to 4.
[[nodiscard]] constexpr std::size_t variable_byte_integer_size(std::uint32_t value) noexcept {
  return value < 128 ? 1U : value < 16'384 ? 2U : value < 2'097'152 ? 3U : 4U;
}
/// Writes it at `place` and returns the byte behind it.
std::byte* put_variable_byte_integer(std::byte* place, std::uint32_t value) noexcept;
inline std::byte* put_two_byte_integer(std::byte* place, std::uint16_t value) noexcept {
  place[0] = static_cast<std::byte>(value >> 8U);
  place[1] = static_cast<std::byte>(value & 0xFFU);
  return place + 2;
}

}  // namespace mqtt
