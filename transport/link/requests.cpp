#include "transport/link/requests.h"

#include <algorithm>
#include <array>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <utility>

#include "transport/http.h"
#include "transport/websocket_handshake.h"

namespace transport {
namespace {

std::string base64(std::string_view text) {
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return encoded;
}

/// Text of an option for a line of a request: a configuration cannot smuggle lines in.
std::string in_line(std::string_view text) {
  std::string line(text);
  std::erase_if(line, [](char letter) { return letter == '\r' || letter == '\n' || letter == 0; });
  return line;
}

/// "example.com:1883", with the port unless it is the scheme's own.
std::string host_field(const LinkAddress& address) {
  const std::uint16_t usual = address.has_tls() ? 443 : 80;
  std::string text = in_line(address.text());
  if (address.port == usual) text.resize(text.rfind(':'));
  return text;
}

std::string_view request_target(const LinkOptions& options) {
  const LinkAddress& address = options.address;
  return address.path.empty() ? options.websocket.path : address.path;
}

/// "404 Not Found"
std::string status_text(const HttpAnswer& answer) {
  std::string text = std::to_string(answer.status);
  if (!answer.phrase.empty()) text += " " + printable(answer.phrase);
  return text;
}

std::string connect_advice(unsigned status) {
  switch (status) {
    case 403:
      return ": its rules do not allow this host or port";
    case 407:
      return ": it wants a user name and a password, or others than these";
    case 502:
    case 503:
    case 504:
      return ": it cannot reach the server";
    default:
      return {};
  }
}

std::string upgrade_advice(const HttpAnswer& answer, const LinkOptions& options) {
  const std::string target = printable(request_target(options));
  switch (answer.status) {
    case 200:
      return ": a web page is at " + target + ", and no WebSocket: check the path";
    case 301:
    case 302:
    case 307:
    case 308:
      return ": it wants " + printable(answer.value("location")) + ", use that address";
    case 400:
      return ": it may be no port of WebSockets, or a proxy drops the Upgrade header (nginx: "
             "'proxy_set_header Upgrade $http_upgrade;')";
    case 401:
      return ": the web server wants a login of its own, an Authorization header for example";
    case 403:
      return ": the web server does not allow this, often for the Origin header, that is missing "
             "or "
             "not listed";
    case 404:
      return ": there is nothing at " + target + ": check the path";
    case 426:
      return ": a proxy dropped the Upgrade header (nginx: 'proxy_http_version 1.1;' and "
             "'proxy_set_header Upgrade $http_upgrade;')";
    case 502:
    case 503:
    case 504:
      return ": the web server does not reach the MQTT server behind it";
    default:
      return {};
  }
}

}  // namespace

std::string connect_request(const LinkAddress& address, const LinkProxy& proxy) {
  const std::string place = in_line(address.text());
  std::string request = "CONNECT " + place + " HTTP/1.1\r\nHost: " + place + "\r\n";
  if (proxy.user_name) {
    request +=
        "Proxy-Authorization: Basic " + base64(*proxy.user_name + ":" + proxy.password) + "\r\n";
  }
  return request + "\r\n";
}

std::optional<LinkEnd> judge_connect(const HttpAnswer& answer, const LinkOptions& options) {
  if (answer.status >= 200 && answer.status < 300) return std::nullopt;
  return LinkEnd{LinkFault::proxy, answer.status,
                 options.address.text() + ": the proxy " + printable(options.proxy->host) + ":" +
                     std::to_string(options.proxy->port) + " answers " + status_text(answer) +
                     connect_advice(answer.status)};
}

std::string make_websocket_key() {
  std::array<unsigned char, 16> key{};
  RAND_bytes(key.data(), static_cast<int>(key.size()));
  return base64({reinterpret_cast<const char*>(key.data()), key.size()});
}

std::string upgrade_request(const LinkOptions& options, std::string_view key) {
  const LinkWebSocket& websocket = options.websocket;
  const auto is_host = [](const auto& field) { return equal_any_case(field.first, "host"); };
  const bool has_host = std::ranges::any_of(websocket.fields, is_host);
  std::string request = "GET " + in_line(request_target(options)) + " HTTP/1.1\r\n";
  if (!has_host) request += "Host: " + host_field(options.address) + "\r\n";
  request +=
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: " +
      std::string(key) + "\r\nSec-WebSocket-Protocol: " + in_line(websocket.subprotocol) + "\r\n";
  for (const auto& [name, value] : websocket.fields) {
    request += in_line(name) + ": " + in_line(value) + "\r\n";
  }
  return request + "\r\n";
}

std::optional<LinkEnd> judge_upgrade(const HttpAnswer& answer, std::string_view key,
                                     const LinkOptions& options) {
  const auto refused = [&](LinkFault fault, const std::string& text) {
    return LinkEnd{fault, answer.status, options.address.text() + ": " + text};
  };
  if (answer.status != 101) {
    return refused(LinkFault::http, "the WebSocket is refused with " + status_text(answer) +
                                        upgrade_advice(answer, options));
  }
  if (!answer.has_token("upgrade", "websocket") || !answer.has_token("connection", "upgrade") ||
      answer.value("sec-websocket-accept") != accept_value(key)) {
    return refused(LinkFault::websocket,
                   "the answer to the WebSocket's request does not fit it: a cache may stand "
                   "between");
  }
  if (answer.value("sec-websocket-protocol") != options.websocket.subprotocol) {
    return refused(LinkFault::websocket, "the server's WebSocket does not speak the subprotocol " +
                                             printable(options.websocket.subprotocol) +
                                             ": is MQTT at " + printable(request_target(options)) +
                                             "?");
  }
  if (!answer.value("sec-websocket-extensions").empty()) {
    return refused(LinkFault::websocket, "the server uses an extension that nobody asked for");
  }
  return std::nullopt;
}

}  // namespace transport
