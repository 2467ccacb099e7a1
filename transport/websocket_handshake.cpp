#include "transport/websocket_handshake.h"

#include <algorithm>
#include <array>
#include <openssl/evp.h>
#include <optional>

namespace transport {

namespace {

using MaybeRefusal = std::optional<HttpRefusal>;

HttpRefusal upgrade_required(std::string text) {
  return {426, std::move(text), "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"};
}

MaybeRefusal check_request_line(const HttpRequest& request, const ListenerOptions& listener) {
  if (request.method != "GET") {
    return HttpRefusal{405, "A WebSocket is opened with GET, not with " + request.method + ".",
                       "Allow: GET\r\n"};
  }
  if (!listener.http_path.empty() && request.path() != listener.http_path) {
    return HttpRefusal{
        404, "There is no WebSocket at the path '" + printable(request.path()) + "'.", {}};
  }
  if (request.major < 1) return upgrade_required("A WebSocket needs HTTP/1.1.");
  return {};
}

MaybeRefusal check_upgrade(const HttpRequest& request) {
  if (!asks_for_websocket(request)) {
    return upgrade_required(
        "This is a WebSocket for MQTT, and the request has no 'Upgrade: websocket' header: a "
        "proxy may have dropped it.");
  }
  if (!request.has_token("connection", "upgrade")) {
    return upgrade_required(
        "The request has no 'Connection: Upgrade' header: a proxy may have dropped it.");
  }
  for (const auto& [name, value] : request.fields) {
    if (name != "sec-websocket-version" || value == "13") continue;
    return upgrade_required("WebSocket version '" + printable(value) +
                            "' is not known, only 13 is.");
  }
  // A proxy and the broker could each believe another one (RFC 9112, section 3.2).
  if (request.count("host") > 1) return HttpRefusal{400, "The request has several Hosts.", {}};
  return {};
}

/// A key is the base64 form of 16 bytes.
bool is_key(std::string_view key) noexcept {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return key.size() == 24 && key.ends_with("==") &&
         key.substr(0, 22).find_first_not_of(letters) == std::string_view::npos;
}

MaybeRefusal check_key(const HttpRequest& request) {
  const std::string* const key = request.find("sec-websocket-key");
  if (key == nullptr || key->empty()) {
    return HttpRefusal{400, "The request has no Sec-WebSocket-Key header.", {}};
  }
  if (request.count("sec-websocket-key") == 1) return {};
  return HttpRefusal{400, "The request has several Sec-WebSocket-Key headers.", {}};
}

MaybeRefusal check_origin(const HttpRequest& request, const ListenerOptions& listener) {
  if (listener.websockets_origins.empty()) return {};
  const std::string* const origin = request.find("origin");
  if (origin == nullptr && !listener.origin_required) return {};
  if (origin == nullptr) return HttpRefusal{403, "The request has no Origin header.", {}};
  if (std::ranges::find(listener.websockets_origins, *origin) !=
      listener.websockets_origins.end()) {
    return {};
  }
  return HttpRefusal{403, "The Origin '" + printable(*origin) + "' is not allowed.", {}};
}

std::expected<std::string_view, HttpRefusal> choose_subprotocol(const HttpRequest& request) {
  const std::vector<std::string_view> offered = request.list("sec-websocket-protocol");
  for (const std::string_view known : {"mqtt", "mqttv3.1"}) {
    if (std::ranges::find(offered, known) != offered.end()) return known;
  }
  if (offered.empty()) {
    return std::unexpected(HttpRefusal{
        400, "The request has no Sec-WebSocket-Protocol header: 'mqtt' is needed.", {}});
  }
  return std::unexpected(
      HttpRefusal{400, "Sec-WebSocket-Protocol offers neither 'mqtt' nor 'mqttv3.1'.", {}});
}

/// Harmless defects of a request.
std::string defects_of(const HttpRequest& request) {
  std::string defects;
  const auto add = [&](bool is_defect, std::string_view text) {
    if (is_defect) defects.append(defects.empty() ? "" : ", ").append(text);
  };
  const std::string* const agent = request.find("user-agent");
  add(request.major == 1 && request.minor == 0,
      "it came as HTTP/1.0 (nginx needs 'proxy_http_version 1.1;')");
  add(request.count("host") == 0, "it has no Host (nginx: 'proxy_set_header Host $host;')");
  add(request.count("sec-websocket-version") == 0, "it has no Sec-WebSocket-Version");
  add(!is_key(*request.find("sec-websocket-key")),
      "its Sec-WebSocket-Key is not 16 bytes in base64");
  if (defects.empty() || agent == nullptr) return defects;
  return defects + "; the client calls itself '" + printable(*agent) + "'";
}

}  // namespace

bool asks_for_websocket(const HttpRequest& request) {
  return request.has_token("upgrade", "websocket");
}

bool meant_for_websocket(const HttpRequest& request) {
  return asks_for_websocket(request) || request.find("sec-websocket-key") != nullptr;
}

std::string accept_value(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, std::size_t{2} * EVP_MAX_MD_SIZE> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

std::expected<Handshake, HttpRefusal> answer_handshake(const HttpRequest& request,
                                                       const ListenerOptions& listener) {
  MaybeRefusal refusal = check_request_line(request, listener);
  if (!refusal) refusal = check_upgrade(request);
  if (!refusal) refusal = check_key(request);
  if (!refusal) refusal = check_origin(request, listener);
  if (refusal) return std::unexpected(std::move(*refusal));
  const auto subprotocol = choose_subprotocol(request);
  if (!subprotocol) return std::unexpected(subprotocol.error());
  std::string response =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: WebSocket\r\n"
      "Connection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ";
  response += accept_value(*request.find("sec-websocket-key"));
  response += "\r\nSec-WebSocket-Protocol: ";
  response += *subprotocol;
  response += "\r\n\r\n";
  return Handshake{std::move(response), defects_of(request)};
}

}  // namespace transport
