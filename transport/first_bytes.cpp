#include "transport/first_bytes.h"

#include <algorithm>
#include <array>

namespace transport {

namespace {

/// CONNECT: [0x10] [remaining length: 1..4 bytes] [0x00] [0x04 or 0x06] 'M' 'Q'.
bool is_connect(mqtt::Bytes bytes) noexcept {
  if (bytes.size() < 2 || bytes[0] != std::byte{0x10}) return false;
  std::size_t at = 1;
  while (at < 5 && at < bytes.size() && (bytes[at] & std::byte{0x80}) != std::byte{0}) ++at;
  const std::string_view name = mqtt::as_text(bytes.subspan(std::min(at + 1, bytes.size())));
  return name.size() >= 4 && name[0] == '\0' && name.substr(2, 2) == "MQ";
}

bool is_tls(mqtt::Bytes bytes) noexcept {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x16} && bytes[1] == std::byte{0x03};
}

bool is_proxy(std::string_view text) noexcept {
  constexpr std::string_view version_2("\r\n\r\n\0\r\nQUIT\n", 12);
  return text.starts_with("PROXY ") ||
         (text.size() >= 5 && version_2.starts_with(text.substr(0, version_2.size())));
}

bool is_http(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 9> methods = {
      "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "PRI * HTTP"};
  return std::ranges::any_of(methods,
                             [&](std::string_view method) { return text.starts_with(method); });
}

}  // namespace

FirstBytes recognise(mqtt::Bytes bytes) noexcept {
  const std::string_view text = mqtt::as_text(bytes);
  if (is_connect(bytes)) return FirstBytes::mqtt;
  if (is_tls(bytes)) return FirstBytes::tls;
  if (is_proxy(text)) return FirstBytes::proxy;
  if (is_http(text)) return FirstBytes::http;
  return FirstBytes::unknown;
}

std::string_view describe(FirstBytes kind) noexcept {
  switch (kind) {
    case FirstBytes::mqtt:
      return "MQTT without WebSocket";
    case FirstBytes::http:
      return "HTTP";
    case FirstBytes::tls:
      return "a TLS handshake";
    case FirstBytes::proxy:
      return "a PROXY protocol header";
    case FirstBytes::unknown:
      break;
  }
  return "an unknown protocol";
}

}  // namespace transport
