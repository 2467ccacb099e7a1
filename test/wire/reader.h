// test/wire/reader.h
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/protocol.h"

/// Reads an encoder's output, by the specification and without the codec's own cursor.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  unsigned u8() {
    REQUIRE_FALSE(rest_.empty());
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  unsigned u16() {
    const unsigned high = u8();
    return high * 256 + u8();
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high * 65'536 + u16();
  }
  /// The longest way to say it: multiply, add, as section 1.5.5 shows.
  std::uint32_t varint() {
    std::uint32_t value = 0;
    std::uint32_t multiplier = 1;
    unsigned byte = 128;
    for (; byte >= 128; multiplier *= 128) {
      REQUIRE(multiplier <= 128 * 128 * 128);
      byte = u8();
      value += (byte % 128) * multiplier;
    }
    return value;
  }
  std::string take(std::size_t count) {
    REQUIRE(rest_.size() >= count);
    const std::string value(rest_.substr(0, count));
    rest_.remove_prefix(count);
    return value;
  }
  std::string text() { return take(u16()); }
  std::string rest() { return take(rest_.size()); }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  /// The first byte of a packet; its length must be that of the rest.
  unsigned header() {
    const unsigned first = u8();
    const std::uint32_t remaining_length = varint();
    CHECK(remaining_length == rest_.size());
    return first;
  }

 private:
  std::string_view rest_;
};

/// The bytes that `encode` appends to a buffer.
template <typename Encode>
std::string written(Encode encode) {
  mqtt::ByteBuffer out;
  encode(out);
  return std::string(mqtt::as_text(out.view()));
}

/// The frame that a whole packet is; it points into `packet`.
inline mqtt::Frame frame_of(std::string_view packet) {
  const auto frame = mqtt::next_frame(mqtt::as_bytes(packet), packet.size());
  REQUIRE(frame);
  REQUIRE(*frame);
  return **frame;
}

/// The reason that something was refused with; -1 if it was not.
template <typename T>
int refusal(const mqtt::Decoded<T>& decoded) {
  return decoded ? -1 : static_cast<int>(decoded.error().reason);
}

inline constexpr int accepted = -1;
inline constexpr int malformed = 0x81;
inline constexpr int protocol_error = 0x82;
