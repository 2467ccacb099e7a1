#include "tools/darter-client/url.h"

#include <algorithm>
#include <array>

#include "tools/darter-client/number.h"
#include "tools/darter-client/words.h"

namespace shell {
namespace {

/// A scheme, and the port that Mosquitto's tools take for it.
struct Scheme {
  std::string_view prefix;
  bool secured;
  bool websockets;
  std::uint16_t port;
};
constexpr auto schemes = std::to_array<Scheme>({
    {"mqtt://", false, false, 1883},
    {"mqtts://", true, false, 8883},
    {"ws://", false, true, 1883},
    {"wss://", true, true, 8883},
});

bool begins_with(std::string_view text, std::string_view prefix) {
  return same_word(text.substr(0, prefix.size()), prefix);
}

std::unexpected<std::string> url_fault(const std::string& text) {
  return std::unexpected("Error: " + text + "\n");
}

/// Reads "HOST", "HOST:PORT", "[IPv6]" or "[IPv6]:PORT".
std::expected<void, std::string> read_place(std::string_view place, Url& url) {
  std::string_view port;
  if (place.starts_with('[')) {
    const auto end = place.find(']');
    if (end == std::string_view::npos) {
      return url_fault("Invalid URL for -L argument specified - ']' missing.");
    }
    url.host = place.substr(1, end - 1);
    port = place.substr(end + 1);
  } else {
    const auto colon = std::min(place.find(':'), place.size());
    if (place.find(':', colon + 1) != std::string_view::npos) {
      return url_fault(
          "Invalid URL for -L argument specified - an IPv6 address stands in brackets: [::1].");
    }
    url.host = place.substr(0, colon);
    port = place.substr(colon);
  }
  if (url.host.empty()) return url_fault("Invalid URL for -L argument specified - host missing.");
  if (port.empty()) return {};
  const auto number = port.starts_with(':') ? whole_number(port.substr(1)) : std::nullopt;
  if (!number || *number < 1 || *number > 65'535) {
    return url_fault("Invalid port given: " + std::string(port.substr(1)));
  }
  url.port = static_cast<std::uint16_t>(*number);
  return {};
}

}  // namespace

std::expected<Url, std::string> parse_url(std::string_view text) {
  Url url;
  if (begins_with(text, "unix:")) {
    text.remove_prefix(5);
    if (text.starts_with("//")) text.remove_prefix(2);
    if (text.empty()) return url_fault("Invalid URL for -L argument specified - path missing.");
    url.unix_path = text;
    return url;
  }
  const auto scheme = std::ranges::find_if(
      schemes, [&](const Scheme& known) { return begins_with(text, known.prefix); });
  if (scheme == schemes.end()) {
    return url_fault(
        "Unsupported URL scheme.\nTry mqtt://, mqtts://, ws://, wss:// or unix:PATH.\n");
  }
  text.remove_prefix(scheme->prefix.size());
  url.secured = scheme->secured;
  url.websockets = scheme->websockets;
  url.port = scheme->port;
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) {
    return url_fault("Invalid URL for -L argument specified - topic missing.");
  }
  url.topic = text.substr(slash + 1);
  std::string_view place = text.substr(0, slash);
  if (const auto at = place.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = place.substr(0, at);
    place.remove_prefix(at + 1);
    const auto colon = user.find(':');
    url.user_name = user.substr(0, colon);
    if (colon != std::string_view::npos) url.password = user.substr(colon + 1);
  }
  if (const auto read = read_place(place, url); !read) return std::unexpected(read.error());
  return url;
}

}  // namespace shell
