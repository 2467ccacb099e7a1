#include "tools/darter-bench/websocket.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bench {
namespace {

constexpr std::array<std::byte, 4> mask_key{std::byte{0x5A}, std::byte{0x17}, std::byte{0xC3},
                                            std::byte{0x88}};
constexpr unsigned masked = 0x80;
constexpr unsigned two_bytes_follow = 126;
constexpr unsigned eight_bytes_follow = 127;

/// Writes a big-endian number and returns the byte behind it.
std::byte* put_number(std::byte* place, std::uint64_t number, unsigned bytes) noexcept {
  for (unsigned left = bytes; left > 0; --left) {
    *place++ = static_cast<std::byte>(number >> 8U * (left - 1));
  }
  return place;
}

void mask(std::span<std::byte> payload) noexcept {
  std::array<std::byte, 8> twice{};
  std::memcpy(twice.data(), mask_key.data(), 4);
  std::memcpy(twice.data() + 4, mask_key.data(), 4);
  const auto key = std::bit_cast<std::uint64_t>(twice);
  std::size_t at = 0;
  for (; at + 8 <= payload.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, payload.data() + at, 8);
    word ^= key;
    std::memcpy(payload.data() + at, &word, 8);
  }
  for (; at < payload.size(); ++at) payload[at] ^= mask_key[at % 4];
}

}  // namespace

std::string upgrade_request(std::string_view path, std::uint16_t port) {
  std::string text = "GET ";
  text += path;
  text += " HTTP/1.1\r\nHost: 127.0.0.1:";
  text += std::to_string(port);
  text += "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  text += "Sec-WebSocket-Key: ZGFydGVyLWJlbmNoLWtleQ==\r\n";
  text += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
  return text;
}

Upgrade read_upgrade(std::string_view answer) {
  if (!answer.contains("\r\n\r\n")) return Upgrade::incomplete;
  return answer.starts_with("HTTP/1.1 101 ") ? Upgrade::accepted : Upgrade::refused;
}

void put_frame(std::byte* place, std::size_t payload_bytes) noexcept {
  *place++ = std::byte{0x82};  // a whole binary message
  if (payload_bytes < two_bytes_follow) {
    *place++ = static_cast<std::byte>(masked | payload_bytes);
  } else if (payload_bytes < 65'536) {
    *place++ = static_cast<std::byte>(masked | two_bytes_follow);
    place = put_number(place, payload_bytes, 2);
  } else {
    *place++ = static_cast<std::byte>(masked | eight_bytes_follow);
    place = put_number(place, payload_bytes, 8);
  }
  place = std::copy(mask_key.begin(), mask_key.end(), place);
  mask({place, payload_bytes});
}

std::span<std::byte> WebSocketInput::read(std::span<std::byte> bytes) noexcept {
  std::size_t kept = 0;
  for (std::size_t at = 0; at < bytes.size() && !ended_;) {
    if (payload_left_ == 0) {
      add_to_header(bytes[at++]);
      continue;
    }
    const auto part =
        static_cast<std::size_t>(std::min<std::uint64_t>(payload_left_, bytes.size() - at));
    if (is_data_) {
      std::memmove(bytes.data() + kept, bytes.data() + at, part);
      kept += part;
    }
    at += part;
    payload_left_ -= part;
  }
  return bytes.first(kept);
}

std::size_t WebSocketInput::header_bytes() const noexcept {
  if (header_used_ < 2) return 2;
  const auto length = std::to_integer<unsigned>(header_[1]);
  return length == two_bytes_follow ? 4U : length == eight_bytes_follow ? 10U : 2U;
}

void WebSocketInput::add_to_header(std::byte byte) noexcept {
  header_[header_used_++] = byte;
  if (header_used_ < header_bytes()) return;
  const auto opcode = std::to_integer<unsigned>(header_[0]) & 0x0FU;
  const auto length = std::to_integer<unsigned>(header_[1]);
  is_data_ = opcode <= 2;
  ended_ = opcode == 8 || (length & masked) != 0;
  payload_left_ = header_used_ == 2 ? length : 0;
  for (std::size_t i = 2; i < header_used_; ++i) {
    payload_left_ = payload_left_ << 8U | std::to_integer<std::uint64_t>(header_[i]);
  }
  header_used_ = 0;
}

}  // namespace bench
