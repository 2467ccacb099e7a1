#include "transport/forwarded.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "transport/text.h"

namespace transport {

namespace {

using Kind = Forwarded::Kind;

/// One proxy's statement about its client.
struct Hop {
  Kind kind = Kind::malformed;
  PeerAddress address;
};

/// A name that a proxy made up: "_" and letters (RFC 7239, section 6.3).
bool is_obfuscated(std::string_view text) noexcept {
  return text.starts_with('_') && std::ranges::all_of(text, [](char each) {
           return (each >= '0' && each <= '9') || (each >= 'A' && each <= 'Z') ||
                  (each >= 'a' && each <= 'z') || each == '.' || each == '_' || each == '-';
         });
}

/// The port behind an address. Nothing if it is none; 0 if it is made up.
std::optional<std::uint16_t> parse_node_port(std::string_view text) {
  if (is_obfuscated(text)) return std::uint16_t{0};
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(port) : std::nullopt;
}

Hop hop_of(std::string_view address, std::string_view port_text) {
  const auto port = port_text.empty() ? std::uint16_t{0} : parse_node_port(port_text);
  if (!port) return {};
  const auto parsed = PeerAddress::parse(address, *port);
  return parsed ? Hop{Kind::known, *parsed} : Hop{};
}

/// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80", "unknown",
/// "_hidden", "_hidden:80", and "unix:", nginx's name for clients of a unix socket.
Hop parse_node(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (text == "unix:") return {Kind::known, {}};
  if (equal_any_case(name, "unknown") || is_obfuscated(name)) return {Kind::hidden, {}};
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == text.npos || name.size() > end) return {};
    const std::string_view behind = text.substr(end + 1);
    if (!behind.empty() && (!behind.starts_with(':') || behind.size() == 1)) return {};
    return hop_of(text.substr(1, end - 1), behind.empty() ? behind : behind.substr(1));
  }
  // An address of IPv6 without brackets has several colons, and no port.
  const bool one_colon = colon != text.npos && text.find(':', colon + 1) == text.npos;
  if (!one_colon) return hop_of(text, {});
  return colon + 1 == text.size() ? Hop{} : hop_of(name, text.substr(colon + 1));
}

/// Takes the last element of a list off it: the text behind its last comma. Commas in quotes do not
/// count if `quoted`. Read from the right, because a client could hide elements behind an unclosed
/// quote farther left.
std::string_view take_last(std::string_view& list, bool quoted) noexcept {
  bool inside = false;
  std::size_t at = list.size();
  for (; at > 0; --at) {
    const char letter = list[at - 1];
    if (letter == ',' && !inside) break;
    if (letter != '"' || !quoted) continue;
    const std::size_t before = list.substr(0, at - 1).find_last_not_of('\\');
    const std::size_t slashes = at - 1 - (before == list.npos ? 0 : before + 1);
    if (slashes % 2 == 0) inside = !inside;
  }
  const std::string_view element = list.substr(at);
  list = list.substr(0, at == 0 ? 0 : at - 1);
  return trimmed(element);
}

/// A token, or a quoted string without its quotes; takes it off `text`. Nothing if it never ends.
std::optional<std::string> take_value(std::string_view& text) {
  std::string value;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find(';'), text.size());
    value = trimmed(text.substr(0, end));
    text.remove_prefix(end);
    return value;
  }
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') {
      text = trimmed(text.substr(at + 1));
      return value;
    }
    if (text[at] == '\\' && at + 1 < text.size()) ++at;
    value += text[at];
  }
  return std::nullopt;
}

/// One element of Forwarded: pairs of name and value, separated by semicolons.
Hop parse_element(std::string_view element) {
  Hop hop{Kind::hidden, {}};  // a proxy that names no client
  while (!element.empty()) {
    const std::size_t equals = element.find('=');
    if (equals == element.npos) return {};
    const std::string_view name = trimmed(element.substr(0, equals));
    element = trimmed(element.substr(equals + 1));
    const auto value = take_value(element);
    if (!value || (!element.empty() && !element.starts_with(';'))) return {};
    if (!element.empty()) element = trimmed(element.substr(1));
    if (equal_any_case(name, "for")) hop = parse_node(*value);
  }
  return hop;
}

/// The names of a header field: as it is written, and as HttpRequest has it.
struct HeaderKind {
  RealIpHeader header;
  std::string_view written;
  std::string_view name;
};
constexpr HeaderKind header_kinds[] = {
    {RealIpHeader::x_forwarded_for, "X-Forwarded-For", "x-forwarded-for"},
    {RealIpHeader::x_real_ip, "X-Real-IP", "x-real-ip"},
    {RealIpHeader::forwarded, "Forwarded", "forwarded"},
};

/// Goes from hop to hop, from the last to the first, over all fields of that name.
class Path {
 public:
  Path(const HeaderKind& field, const Networks& trusted) : field_(field), trusted_(trusted) {}

  [[nodiscard]] Forwarded walk(const HttpRequest& request) {
    for (auto each = request.fields.rbegin(); each != request.fields.rend(); ++each) {
      if (each->first != field_.name) continue;
      std::string_view list = each->second;
      while (!list.empty()) {
        const std::string_view element = take_last(list, is_forwarded());
        if (!element.empty() && !step(element)) return result_;
      }
    }
    return result_;
  }

 private:
  [[nodiscard]] bool is_forwarded() const { return field_.header == RealIpHeader::forwarded; }

  /// Returns false at the end of the path.
  bool step(std::string_view element) {
    const Hop hop = is_forwarded() ? parse_element(element) : parse_node(element);
    result_ = {hop.kind, hop.address, field_.written};
    if (hop.kind != Kind::known || !trusted_.contains(hop.address)) return false;
    if (++hops_ < Forwarded::hops_max) return true;
    result_.kind = Kind::too_long;
    return false;
  }

  const HeaderKind& field_;
  const Networks& trusted_;
  Forwarded result_;
  std::size_t hops_ = 0;
};

/// Combines the statements of two fields.
Forwarded merge(const Forwarded& first, const Forwarded& second, const Networks& trusted) {
  const auto names_client = [&](const Forwarded& each) {
    return each.kind != Kind::known || !trusted.contains(each.address);
  };
  if (first.kind == Kind::absent) return second;
  if (second.kind == Kind::absent || !names_client(second)) return first;
  if (!names_client(first)) return second;
  // Proxies write the port into some fields and not into others.
  const bool agree = first.kind == second.kind &&
                     std::ranges::equal(first.address.bytes(), second.address.bytes());
  if (agree) return first;
  return {Kind::disputed, {}, first.field, second.field};
}

}  // namespace

FieldSet fields_in(const HttpRequest& request) noexcept {
  FieldSet present;
  for (const HeaderKind& field : header_kinds) {
    if (request.find(field.name) != nullptr) present.add(field.header);
  }
  return present;
}

Forwarded forwarded_for(const HttpRequest& request, RealIpHeader header, const Networks& trusted,
                        FieldSet written) {
  const FieldSet known = written.both(fields_in(request));
  Forwarded result;
  for (const HeaderKind& field : header_kinds) {
    if (header != RealIpHeader::any && header != field.header) continue;
    if (header == RealIpHeader::any && !known.empty() && !known.has(field.header)) continue;
    const Forwarded found = Path(field, trusted).walk(request);
    result = merge(result, found, trusted);
    if (result.kind == Kind::disputed) return result;
  }
  return result;
}

std::string_view request_id_of(const HttpRequest& request) noexcept {
  constexpr std::size_t bytes_max = 64;
  const std::string* const id = request.find("x-request-id");
  if (id == nullptr || id->size() > bytes_max) return {};
  const bool good = std::ranges::all_of(*id, [](char letter) {
    return letter > ' ' && letter <= '~' && letter != '"' && letter != '\'';
  });
  return good ? std::string_view(*id) : std::string_view();
}

}  // namespace transport
