#include "transport/link/address.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "transport/http.h"

namespace transport {
namespace {

struct SchemeRow {
  std::string_view name;
  LinkScheme scheme;
  std::uint16_t port;
};

constexpr std::array scheme_rows{
    SchemeRow{"mqtt", LinkScheme::mqtt, 1883}, SchemeRow{"mqtts", LinkScheme::mqtts, 8883},
    SchemeRow{"ws", LinkScheme::ws, 80},       SchemeRow{"wss", LinkScheme::wss, 443},
    SchemeRow{"tcp", LinkScheme::mqtt, 1883},  SchemeRow{"ssl", LinkScheme::mqtts, 8883}};

std::unexpected<std::string> no_address(std::string why) { return std::unexpected(std::move(why)); }

std::expected<std::uint16_t, std::string> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) {
    return no_address("\"" + printable(text) + "\" is no port: a number from 1 to 65535 is one");
  }
  return port;
}

/// "host", "host:port", "[address]" or "[address]:port"; also an IPv6 address alone.
std::expected<void, std::string> parse_host(std::string_view text, LinkAddress& address) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return no_address("an IPv6 address ends with ']': [::1]:1883");
    }
    address.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    has_port = !port.empty();
    if (has_port && !port.starts_with(':')) {
      return no_address("behind the ']' of an address a port may stand: [::1]:1883");
    }
  } else if (std::ranges::count(text, ':') == 1) {
    address.host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':'));
    has_port = true;
  } else {
    address.host = text;
  }
  if (address.host.empty()) return no_address("the host is missing: mqtt://localhost:1883");
  if (std::ranges::any_of(address.host, [](char letter) {
        return static_cast<unsigned char>(letter) <= ' ' || letter == 0x7F;
      })) {
    return no_address("\"" + printable(address.host) + "\" is no name of a host");
  }
  if (!has_port) return {};
  const auto number = parse_port(port.substr(1));
  if (!number) return no_address(number.error());
  address.port = *number;
  return {};
}

/// "user", "user:password", each with %XX.
std::expected<void, std::string> parse_user(std::string_view text, LinkAddress& address) {
  const std::size_t colon = text.find(':');
  address.user_name = percent_decoded(text.substr(0, colon));
  if (colon != std::string_view::npos) address.password = percent_decoded(text.substr(colon + 1));
  if (!address.user_name || (colon != std::string_view::npos && !address.password)) {
    return no_address("user name or password has a '%' without two hexadecimal digits: write %25");
  }
  return {};
}

std::expected<LinkAddress, std::string> parse_unix(std::string_view path) {
  if (path.starts_with("//")) path.remove_prefix(2);
  if (path.empty()) return no_address("the path of the socket is missing: unix:/run/darter.sock");
  LinkAddress address;
  address.scheme = LinkScheme::unix_socket;
  address.port = 0;
  address.path = path;
  return address;
}

}  // namespace

std::expected<LinkAddress, std::string> LinkAddress::parse(std::string_view text,
                                                           std::uint16_t port) {
  constexpr std::string_view unix_prefix = "unix:";
  if (text.starts_with(unix_prefix)) return parse_unix(text.substr(unix_prefix.size()));
  LinkAddress address;
  address.port = port;
  constexpr std::string_view mark = "://";
  if (const std::size_t end = text.find(mark); end != std::string_view::npos) {
    const auto name = text.substr(0, end);
    const auto* const row = std::ranges::find_if(
        scheme_rows, [&](const SchemeRow& one) { return equal_any_case(one.name, name); });
    if (row == scheme_rows.end()) {
      return no_address("\"" + printable(name) +
                        "\" is no scheme: mqtt, mqtts, ws, wss and unix are");
    }
    address.scheme = row->scheme;
    address.port = row->port;
    text.remove_prefix(end + mark.size());
  }
  const std::size_t slash = text.find_first_of("/?");
  if (slash != std::string_view::npos) address.path = text.substr(slash);
  if (address.path.starts_with('?')) address.path.insert(0, "/");
  std::string_view authority = text.substr(0, slash);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (const auto user = parse_user(authority.substr(0, at), address); !user) {
      return no_address(user.error());
    }
    authority.remove_prefix(at + 1);
  }
  if (const auto host = parse_host(authority, address); !host) return no_address(host.error());
  return address;
}

std::string LinkAddress::text() const {
  if (is_unix()) return "unix:" + path;
  // "unix:1883" would be a socket's path.
  const bool bracketed = host.contains(':') || host == "unix";
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace transport
