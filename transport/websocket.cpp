#include "transport/websocket.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "broker/wire/utf8.h"

namespace transport {

namespace {

constexpr std::size_t control_payload_bytes_max = 125;

constexpr bool is_control(WebSocketOpcode opcode) noexcept {
  return (static_cast<unsigned>(opcode) & 0x8U) != 0;
}

constexpr bool is_known(WebSocketOpcode opcode) noexcept {
  return opcode <= WebSocketOpcode::binary ||
         (opcode >= WebSocketOpcode::close && opcode <= WebSocketOpcode::pong);
}

/// Bytes of a masked frame's header, told by its second byte.
constexpr std::size_t header_size_of(std::byte second) noexcept {
  const auto length = std::to_integer<unsigned>(second & std::byte{0x7F});
  if (length == 126) return 8;
  return length == 127 ? 14 : 6;
}

std::uint64_t big_endian(mqtt::Bytes bytes) noexcept {
  std::uint64_t value = 0;
  for (const std::byte byte : bytes) value = value << 8U | std::to_integer<std::uint64_t>(byte);
  return value;
}

/// The codes that may stand in a Close frame (RFC 6455, section 7.4).
constexpr bool may_be_sent(std::uint64_t code) noexcept {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

/// At most so many bytes from the front of a text, and no part of a character.
std::string_view cut(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0U) == 0x80U) {
    --bytes_max;
  }
  return text.substr(0, bytes_max);
}

}  // namespace

bool is_close_reason(std::string_view text) noexcept {
  while (true) {
    const std::size_t zero = std::min(text.find('\0'), text.size());
    if (!mqtt::is_utf8_string(text.substr(0, zero))) return false;
    if (zero == text.size()) return true;
    text.remove_prefix(zero + 1);
  }
}

void unmask(std::span<std::byte> bytes, std::array<std::byte, 4> mask) noexcept {
  std::array<std::byte, 8> twice;
  std::memcpy(twice.data(), mask.data(), 4);
  std::memcpy(twice.data() + 4, mask.data(), 4);
  std::uint64_t word_mask;
  std::memcpy(&word_mask, twice.data(), 8);
  std::byte* const data = bytes.data();
  const std::size_t whole = bytes.size() & ~std::size_t{7};
  for (std::size_t at = 0; at < whole; at += 8) {
    std::uint64_t word;
    std::memcpy(&word, data + at, 8);
    word ^= word_mask;
    std::memcpy(data + at, &word, 8);
  }
  for (std::size_t at = whole; at < bytes.size(); ++at) data[at] ^= mask[at & 3U];
}

WebSocketInput WebSocketReader::read(std::span<std::byte> bytes) {
  WebSocketInput input;
  while (!bytes.empty() && end_ == WebSocketInput::End::none) {
    bytes = in_frame_ ? read_payload(bytes, input) : read_header(bytes, input);
  }
  return input;
}

std::span<std::byte> WebSocketReader::read_header(std::span<std::byte> bytes,
                                                  WebSocketInput& input) {
  if (header_size_ == 0 && bytes.size() >= 2) {
    const std::size_t size = header_size_of(bytes[1]);
    if (bytes.size() >= size) {
      start_frame(bytes.first(size), input);
      return bytes.subspan(size);
    }
  }
  assert(header_size_ < header_.size());
  header_[header_size_++] = bytes.front();
  if (header_size_ >= 2 && header_size_ == header_size_of(header_[1])) {
    const std::size_t size = std::exchange(header_size_, std::uint8_t{0});
    start_frame(mqtt::Bytes{header_}.first(size), input);
  } else if (header_size_ == 2 && (header_[1] & std::byte{0x80}) == std::byte{0}) {
    fail(input, WebSocketCode::protocol_error, "a frame is not masked");
  }
  return bytes.subspan(1);
}

void WebSocketReader::start_frame(mqtt::Bytes header, WebSocketInput& input) {
  assert(header.size() >= 6 && !in_frame_);
  const auto first = std::to_integer<unsigned>(header[0]);
  const auto length = std::to_integer<unsigned>(header[1] & std::byte{0x7F});
  const bool fin = (first & 0x80U) != 0;
  const auto opcode = static_cast<WebSocketOpcode>(first & 0x0FU);
  const auto bad = [&](const char* why) { fail(input, WebSocketCode::protocol_error, why); };
  if ((header[1] & std::byte{0x80}) == std::byte{0}) return bad("a frame is not masked");
  if ((first & 0x70U) != 0) return bad("reserved bits are set");
  const mqtt::Bytes mask = header.last(4);
  const mqtt::Bytes extended = header.subspan(2, header.size() - 6);
  payload_left_ = extended.empty() ? length : big_endian(extended);
  if (is_control(opcode) && length > control_payload_bytes_max) {
    return bad("a control frame is too long");
  }
  if ((length == 126 && payload_left_ < 126) || (length == 127 && payload_left_ < 65'536) ||
      payload_left_ > UINT64_MAX / 2) {
    return bad("a frame's length is malformed");
  }
  if (const char* const why = check_frame(fin, opcode)) return bad(why);
  if (opcode == WebSocketOpcode::text) {
    return fail(input, WebSocketCode::unsupported_data, "a text frame came, MQTT is binary");
  }
  std::ranges::copy(mask, mask_.begin());
  opcode_ = opcode;
  if (!is_control(opcode)) in_message_ = !fin;
  in_frame_ = true;
  if (payload_left_ == 0) end_frame(input);
}

const char* WebSocketReader::check_frame(bool fin, WebSocketOpcode opcode) const {
  if (!is_known(opcode)) return "the opcode is reserved";
  if (is_control(opcode)) return fin ? nullptr : "a control frame is fragmented";
  if (opcode == WebSocketOpcode::continuation && !in_message_) return "nothing is to be continued";
  if (opcode != WebSocketOpcode::continuation && in_message_) {
    return "a message begins inside another";
  }
  return nullptr;
}

std::span<std::byte> WebSocketReader::read_payload(std::span<std::byte> bytes,
                                                   WebSocketInput& input) {
  assert(in_frame_ && payload_left_ > 0);
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), payload_left_));
  const std::span<std::byte> data = bytes.first(size);
  if (is_control(opcode_)) {
    unmask(data, mask_);
    if (control_ == nullptr) control_ = std::make_unique<mqtt::ByteBuffer>();
    control_->append(data);
  } else {
    append_data(data, input);
  }
  payload_left_ -= size;
  if (payload_left_ == 0) {
    end_frame(input);
  } else {
    std::ranges::rotate(mask_, mask_.begin() + static_cast<std::ptrdiff_t>(size % 4));
  }
  return bytes.subspan(size);
}

void WebSocketReader::append_data(std::span<std::byte> data, WebSocketInput& input) {
  if (input.payload.empty()) {
    unmask(data, mask_);
    input.payload = data;
    return;
  }
  // Behind the existing payload: that stands earlier in the bytes that `data` is a part of.
  std::byte* const place = input.payload.data() + input.payload.size();
  assert(place <= data.data());
  if (place != data.data()) std::memmove(place, data.data(), data.size());
  unmask({place, data.size()}, mask_);
  input.payload = {input.payload.data(), input.payload.size() + data.size()};
}

void WebSocketReader::end_frame(WebSocketInput& input) {
  in_frame_ = false;
  if (!is_control(opcode_)) return;
  const std::unique_ptr<mqtt::ByteBuffer> control = std::move(control_);
  const mqtt::Bytes payload = control == nullptr ? mqtt::Bytes{} : control->view();
  if (opcode_ == WebSocketOpcode::ping) {
    input.last_pong = input.pongs.size();
    append_websocket_control(input.pongs, WebSocketOpcode::pong, payload);
  } else if (opcode_ == WebSocketOpcode::pong) {
    input.pong = true;
  } else if (opcode_ == WebSocketOpcode::close) {
    end_close(payload, input);
  }
}

void WebSocketReader::end_close(mqtt::Bytes payload, WebSocketInput& input) {
  std::uint64_t code = static_cast<std::uint16_t>(WebSocketCode::normal_closure);
  if (!payload.empty()) code = payload.size() < 2 ? 0 : big_endian(payload.first(2));
  if (!may_be_sent(code)) {
    return fail(input, WebSocketCode::protocol_error, "a Close frame's code is malformed");
  }
  if (!payload.empty() && !is_close_reason(mqtt::as_text(payload.subspan(2)))) {
    return fail(input, WebSocketCode::invalid_payload, "the reason of a Close is not UTF-8");
  }
  finish(input, WebSocketInput::End::closed_by_peer, static_cast<std::uint16_t>(code), "");
}

void WebSocketReader::fail(WebSocketInput& input, WebSocketCode code, const char* why) {
  finish(input, WebSocketInput::End::failed, static_cast<std::uint16_t>(code), why);
}

void WebSocketReader::finish(WebSocketInput& input, WebSocketInput::End end, std::uint16_t code,
                             const char* why) {
  assert(end_ == WebSocketInput::End::none && end != WebSocketInput::End::none);
  input.end = end_ = end;
  input.code = code_ = code;
  input.why = why_ = why;
}

std::size_t write_websocket_header(std::span<std::byte, websocket_header_bytes_max> place,
                                   WebSocketOpcode opcode, std::size_t payload_size) noexcept {
  place[0] = static_cast<std::byte>(0x80U | static_cast<unsigned>(opcode));
  const std::size_t header_size = websocket_header_size(payload_size);
  if (header_size == 2) {
    place[1] = static_cast<std::byte>(payload_size);
    return header_size;
  }
  place[1] = static_cast<std::byte>(header_size == 4 ? 126 : 127);
  for (std::size_t at = 2; at < header_size; ++at) {
    place[at] = static_cast<std::byte>(payload_size >> (8 * (header_size - 1 - at)));
  }
  return header_size;
}

void append_websocket_control(mqtt::ByteBuffer& to, WebSocketOpcode opcode, mqtt::Bytes payload) {
  assert(payload.size() <= control_payload_bytes_max);
  to.push_back(static_cast<std::uint8_t>(0x80U | static_cast<unsigned>(opcode)));
  to.push_back(static_cast<std::uint8_t>(payload.size()));
  to.append(payload);
}

void append_websocket_close(mqtt::ByteBuffer& to, std::uint16_t code, std::string_view reason) {
  mqtt::ByteBuffer payload;
  payload.push_back(static_cast<std::uint8_t>(code >> 8U));
  payload.push_back(static_cast<std::uint8_t>(code));
  payload.append(cut(reason, control_payload_bytes_max - 2));
  append_websocket_control(to, WebSocketOpcode::close, payload.view());
}

}  // namespace transport
