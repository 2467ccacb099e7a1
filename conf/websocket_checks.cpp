#include "conf/websocket_checks.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace conf {
namespace {

constexpr bool is_visible_ascii(char letter) noexcept { return letter > ' ' && letter <= '~'; }

/// In full, to be copied.
std::string cited(const std::string& value) { return "'" + value + "'"; }

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return lower;
}

/// "example.org:443" without a port that browsers leave out.
std::string without_default_port(std::string_view scheme, std::string host) {
  const std::size_t colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  if (!has_port) return host;
  const std::string_view port = std::string_view(host).substr(colon + 1);
  const bool is_default =
      port.empty() || (scheme == "http" && port == "80") || (scheme == "https" && port == "443");
  if (is_default) host.resize(colon);
  return host;
}

/// The Origin that a browser sends for a page at the address that was meant.
std::string origin_meant_by(std::string_view value) {
  std::string scheme = "https";
  if (const std::size_t end = value.find("://"); end != std::string_view::npos) {
    scheme = in_lower_case(value.substr(0, end));
    value.remove_prefix(end + 3);
  }
  if (scheme == "wss") scheme = "https";  // a page has the address of a site, not of a WebSocket
  if (scheme == "ws") scheme = "http";
  value.remove_prefix(std::min(value.find_first_not_of('/'), value.size()));
  value = value.substr(0, value.find_first_of("/?#"));
  if (const std::size_t at = value.rfind('@'); at != std::string_view::npos) {
    value.remove_prefix(at + 1);
  }
  return scheme + "://" + without_default_port(scheme, in_lower_case(value));
}

/// Why no Origin is that value, with the value that would be one; "" if one may be.
std::string fault_of_origin(std::string_view value) {
  // Pages from files have these.
  if (value == "null" || value == "file://") return {};
  if (value.empty() || value == "*") {
    return "no client sends that as Origin; without the option every Origin is accepted";
  }
  if (value.find_first_of(" ,;") != std::string_view::npos) {
    return "an Origin is one value; write a 'websockets_origin' for each";
  }
  if (!std::ranges::all_of(value, is_visible_ascii)) {
    return "browsers send a host name in ASCII; write the form that begins with 'xn--'";
  }
  if (value.find('*') != std::string_view::npos) {
    return "there are no wildcards; write a 'websockets_origin' for each site";
  }
  const std::string meant = origin_meant_by(value);
  if (meant == value) return {};
  return "browsers send " + cited(meant) + "; write that";
}

/// A path as requests have it.
std::string path_meant_by(std::string_view value) {
  if (const std::size_t scheme = value.find("://");
      scheme != std::string_view::npos && !value.starts_with('/')) {
    value.remove_prefix(std::min(value.find('/', scheme + 3), value.size()));
  }
  value = value.substr(0, value.find_first_of("?#"));
  std::string path = value.starts_with('/') ? "" : "/";
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char letter : value) {
    if (is_visible_ascii(letter)) {
      path += letter;
    } else {
      const auto code = static_cast<unsigned char>(letter);
      path += {'%', digits[code >> 4U], digits[code & 0x0FU]};
    }
  }
  return path;
}

/// Why no request has that path, with the path that one would have; "" if one may have it.
std::string fault_of_path(std::string_view value) {
  if (value.empty()) return {};  // any
  if (value == "*") return "there are no wildcards; without the option every path is accepted";
  const std::string meant = path_meant_by(value);
  if (meant == value) return {};
  return "the path of a request begins with '/', has no query, and is in ASCII; write " +
         cited(meant);
}

class WebSocketCheck {
 public:
  explicit WebSocketCheck(Diagnostics& found) : found_(found) {}

  void run(const std::vector<Entry>& entries);

 private:
  Diagnostics& found_;
};

void WebSocketCheck::run(const std::vector<Entry>& entries) {
  for (const Entry& each : entries) {
    const bool origin = each.option->name == "websockets_origin";
    if (!origin && each.option->name != "http_path") continue;
    const auto& value = std::get<std::string>(each.value);
    const std::string fault = origin ? fault_of_origin(value) : fault_of_path(value);
    if (fault.empty()) continue;
    found_.push_back(
        {.severity = Severity::warning,
         .file = each.place.file,
         .line = each.place.line,
         .text = quoted(each.option->name) + " " + quoted(value) + " never matches: " + fault});
  }
}

}  // namespace

Diagnostics check_websockets(const Source& source) {
  Diagnostics found;
  WebSocketCheck check(found);
  check.run(source.default_listener);
  for (const ListenerSource& each : source.listeners) check.run(each.entries);
  return found;
}

}  // namespace conf
