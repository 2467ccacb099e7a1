// broker/wire/cursor.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"

namespace mqtt {

/// Reads MQTT's data types (section 1.5) off the front of some bytes. A read that does not fit
/// returns nothing and leaves the cursor where it was.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] std::optional<std::uint8_t> byte() noexcept {
    if (rest_.empty()) return std::nullopt;
    const std::uint8_t value = at(0);
    rest_ = rest_.subspan(1);
    return value;
  }
  [[nodiscard]] std::optional<std::uint16_t> two_byte_integer() noexcept {
    if (rest_.size() < 2) return std::nullopt;
    const std::uint16_t value = two_bytes();
    rest_ = rest_.subspan(2);
    return value;
  }
  [[nodiscard]] std::optional<std::uint32_t> four_byte_integer() noexcept;
  /// Nothing also for a fifth byte (section 1.5.5). A form longer than it need be is taken.
  [[nodiscard]] std::optional<std::uint32_t> variable_byte_integer() noexcept {
    if (rest_.empty() || at(0) >= 0x80U) return long_variable_byte_integer();
    return byte();
  }
  /// Two bytes of length, then that many bytes (section 1.5.6).
  [[nodiscard]] std::optional<Bytes> binary() noexcept {
    if (rest_.size() < 2) return std::nullopt;
    const std::size_t length = two_bytes();
    if (rest_.size() - 2 < length) return std::nullopt;
    const Bytes value = rest_.subspan(2, length);
    rest_ = rest_.subspan(2 + length);
    return value;
  }
  /// The same, as text. Whether it is UTF-8 is the caller's to check.
  [[nodiscard]] std::optional<std::string_view> text() noexcept {
    const auto value = binary();
    if (!value) return std::nullopt;
    return as_text(*value);
  }
  /// Exactly `count` bytes.
  [[nodiscard]] std::optional<Bytes> take(std::size_t count) noexcept {
    if (rest_.size() < count) return std::nullopt;
    const Bytes value = rest_.first(count);
    rest_ = rest_.subspan(count);
    return value;
  }

  [[nodiscard]] Bytes rest() const noexcept { return rest_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

 private:
  [[nodiscard]] std::uint8_t at(std::size_t index) const noexcept {
    return std::to_integer<std::uint8_t>(rest_[index]);
  }
  [[nodiscard]] std::uint16_t two_bytes() const noexcept {
    return static_cast<std::uint16_t>(at(0) << 8U | at(1));
  }
  [[nodiscard]] std::optional<std::uint32_t> long_variable_byte_integer() noexcept;

  Bytes rest_;
};

/// Appends MQTT's data types. A text or binary has at most 65,535 bytes [MQTT-4.7.3-3]
/// [MQTT3-4.7.3-3].
void write_two_byte_integer(ByteBuffer& out, std::uint16_t value);
void write_four_byte_integer(ByteBuffer& out, std::uint32_t value);
void write_variable_byte_integer(ByteBuffer& out, std::uint32_t value);
void write_text(ByteBuffer& out, std::string_view text);
void write_binary(ByteBuffer& out, Bytes data);

/// Bytes that `value` takes as a Variable Byte Integer in its shortest form [MQTT-1.5.5-1]: 1 to 4.
[[nodiscard]] constexpr std::size_t variable_byte_integer_size(std::uint32_t value) noexcept {
  return value < 128 ? 1U : value < 16'384 ? 2U : value < 2'097'152 ? 3U : 4U;
}
static_assert(variable_byte_integer_size(127) == 1 && variable_byte_integer_size(128) == 2);
static_assert(variable_byte_integer_size(2'097'151) == 3 &&
              variable_byte_integer_size(2'097'152) == 4);
/// Writes it at `place` and returns the byte behind it.
inline std::byte* put_variable_byte_integer(std::byte* place, std::uint32_t value) noexcept {
  for (; value >= 0x80U; value >>= 7U) *place++ = static_cast<std::byte>(value | 0x80U);
  *place++ = static_cast<std::byte>(value);
  return place;
}
[[nodiscard]] inline std::uint16_t two_byte_integer_at(const std::byte* place) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(place[0]) << 8U |
                                    std::to_integer<unsigned>(place[1]));
}
inline std::byte* put_two_byte_integer(std::byte* place, std::uint16_t value) noexcept {
  place[0] = static_cast<std::byte>(value >> 8U);
  place[1] = static_cast<std::byte>(value & 0xFFU);
  return place + 2;
}
inline std::byte* put_four_byte_integer(std::byte* place, std::uint32_t value) noexcept {
  place = put_two_byte_integer(place, static_cast<std::uint16_t>(value >> 16U));
  return put_two_byte_integer(place, static_cast<std::uint16_t>(value & 0xFFFFU));
}
inline std::byte* put_bytes(std::byte* place, Bytes bytes) noexcept {
  if (!bytes.empty()) std::memcpy(place, bytes.data(), bytes.size());
  return place + bytes.size();
}

}  // namespace mqtt
