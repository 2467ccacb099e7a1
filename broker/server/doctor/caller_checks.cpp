#include "broker/server/doctor/caller_checks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "conf/network.h"

namespace doctor {
namespace {

using conf::NginxDirective;

/// From where nginx on this machine comes: "unix", or an address. Empty: that is not known.
std::string_view source_of(const Target& target) {
  if (!target.path.empty()) return "unix";
  if (target.host == "::1" || target.host == "[::1]") return "::1";
  return is_loopback(target.host) ? "127.0.0.1" : "";
}

bool names(const std::vector<std::string>& networks, std::string_view source) {
  return std::ranges::any_of(networks, [&](const std::string& each) {
    return each == source || conf::network_contains(each, source);
  });
}

/// Checks that both sides agree; nginx sends version 1. Returns whether the broker reads the
/// header.
bool check_proxy_header(const Configuration& configuration, const Route& route,
                        Findings& findings) {
  const conf::Listener& listener = listener_of(configuration, route);
  const NginxDirective* const directive =
      route.proxy.is_stream ? route.proxy.scope.find("proxy_protocol") : nullptr;
  const bool sends = directive != nullptr && word_of(directive) == "on";
  const bool waits = listener.proxy_protocol != 0;
  const std::string where = configuration.where(*route.listener, "enable_proxy_protocol");
  if (sends && !waits) {
    findings.error(
        where_of(directive->place),
        "nginx sends a PROXY header, which the listener (" + where + ") takes for a broken packet",
        configuration.line("enable_proxy_protocol", "1") + " under the listener");
  } else if (!sends && waits) {
    findings.error(where,
                   "The listener waits for a PROXY header that nginx (" + route.where() +
                       ") does not send, and closes every connection",
                   route.proxy.is_stream ? "proxy_protocol on; in that server of nginx"
                                         : "take that line out: nginx has no such header for HTTP, "
                                           "and says X-Forwarded-For instead");
  } else if (sends && listener.proxy_protocol == 2) {
    findings.error(where, "nginx sends PROXY headers of version 1, the listener takes version 2",
                   configuration.line("enable_proxy_protocol", "1"));
  }
  return sends && listener.proxy_protocol == 1;
}

enum class Trust : std::uint8_t { by_default, given, unknown, refused };

/// Whether nginx is one of the trusted proxies, if any are named.
Trust trust_of(const Configuration& configuration, const Route& route) {
  const conf::Listener& listener = listener_of(configuration, route);
  const std::string_view source = source_of(*route.target);
  if (source.empty()) return Trust::unknown;
  if (listener.trusted_proxies.empty()) return Trust::by_default;
  return names(listener.trusted_proxies, source) ? Trust::given : Trust::refused;
}

/// Reports the result of trust_of(). With a PROXY header only trusted proxies may connect; header
/// fields of other proxies are ignored. Returns whether nginx is trusted, as far as is known.
bool check_trust(const Configuration& configuration, const Route& route, bool by_proxy_header,
                 Findings& findings) {
  const std::string where = configuration.where(*route.listener, "trusted_proxies");
  const std::string_view source = source_of(*route.target);
  const std::string cure = configuration.line("trusted_proxies", source);
  const std::string stranger =
      "nginx comes from " + std::string(source) + ", which is not among 'trusted_proxies': ";
  switch (trust_of(configuration, route)) {
    case Trust::by_default:
      return true;
    case Trust::given:
      findings.good(where, "The broker believes what nginx says of a client");
      return true;
    case Trust::unknown:
      findings.unknown(where,
                       "From which address nginx comes is not known, so neither is whether "
                       "'trusted_proxies' has it");
      return true;
    case Trust::refused:
      break;
  }
  if (by_proxy_header) {
    findings.error(where, stranger + "the listener closes every connection", cure);
  } else {
    findings.warning(
        where, stranger + "whom it names is not believed, and all clients look like nginx", cure);
  }
  return false;
}

/// A header field that can name the client.
struct AddressField {
  conf::RealIpHeader header;
  std::string_view name;
};

/// The broker looks for them in this order.
constexpr auto address_fields = std::to_array<AddressField>({
    {conf::RealIpHeader::x_forwarded_for, "X-Forwarded-For"},
    {conf::RealIpHeader::x_real_ip, "X-Real-IP"},
    {conf::RealIpHeader::forwarded, "Forwarded"},
});

struct WrittenField {
  const NginxDirective* directive = nullptr;  // none: there is no such field
  std::string_view name;                      // as real_ip_header spells it
};

/// The first of these fields that nginx writes and `header` allows.
WrittenField written_field(const Route& route, conf::RealIpHeader header) {
  for (const AddressField& each : address_fields) {
    if (header != conf::RealIpHeader::any && header != each.header) continue;
    const NginxDirective* const found = header_set(route.proxy.scope, each.name);
    if (!word_of(found, 1).empty()) return {found, each.name};
  }
  return {};
}

/// No field that the broker reads is written: because there is none, or another.
void say_no_address(const Configuration& configuration, const Route& route, Findings& findings) {
  const conf::Listener& listener = listener_of(configuration, route);
  const auto found =
      std::ranges::find(address_fields, listener.real_ip_header, &AddressField::header);
  const AddressField& read = found == address_fields.end() ? address_fields.front() : *found;
  const WrittenField other = written_field(route, conf::RealIpHeader::any);
  if (other.directive != nullptr) {
    return findings.warning(configuration.where(*route.listener, "real_ip_header"),
                            "The broker reads " + std::string(read.name) +
                                " only, and nginx sets " + word_of(other.directive) + " (" +
                                where_of(other.directive->place) +
                                "): in its log all clients look like nginx",
                            configuration.line("real_ip_header", std::string(other.name)));
  }
  // Forwarded has an IPv6 address in brackets, which takes a map of nginx.
  const bool of_two_lines = read.header == conf::RealIpHeader::forwarded;
  findings.warning(
      route.where(nullptr),
      "The broker is not told the client's address: in its log all look like nginx" +
          lost_header(route, read.name),
      read.header == conf::RealIpHeader::x_real_ip
          ? "proxy_set_header X-Real-IP $remote_addr;"
          : "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" +
                (of_two_lines ? " and " + configuration.line("real_ip_header", "X-Forwarded-For")
                              : std::string()));
}

/// real_ip_header any reads X-Forwarded-For too, and nginx passes on every field that it does not
/// set: a client can write it itself. The broker trusts no field then, until it has seen requests
/// without that one.
void check_passed_on(const Configuration& configuration, const Route& route,
                     const WrittenField& field, Findings& findings) {
  constexpr std::string_view passed_on = "X-Forwarded-For";
  if (listener_of(configuration, route).real_ip_header != conf::RealIpHeader::any) return;
  if (header_set(route.proxy.scope, passed_on) != nullptr) return;
  findings.warning(where_of(field.directive->place),
                   "nginx sets " + std::string(field.name) +
                       " only and passes on an X-Forwarded-For that the client wrote itself: a "
                       "client can count as nginx, and limits and bans with it",
                   configuration.line("real_ip_header", std::string(field.name)));
}

/// Checks that nginx writes the client's address into a header field that the broker reads. Clients
/// may write these themselves: nginx's own value has to be in it. Returns whether the broker learns
/// the address.
bool check_address_field(const Configuration& configuration, const Route& route,
                         Findings& findings) {
  const WrittenField written =
      written_field(route, listener_of(configuration, route).real_ip_header);
  const NginxDirective* const field = written.directive;
  if (field == nullptr) {
    say_no_address(configuration, route, findings);
    return false;
  }
  if (!check_trust(configuration, route, false, findings)) return false;
  check_passed_on(configuration, route, written, findings);
  const std::string value = word_of(field, 1);
  const bool of_nginx = value.find("remote_addr") != value.npos ||
                        value.find("proxy_add_x_forwarded_for") != value.npos;
  if (of_nginx) {
    findings.good(where_of(field->place),
                  "The broker is told the client's address, in " + word_of(field));
  } else {
    findings.warning(where_of(field->place),
                     word_of(field) + " is " + value +
                         ": not the address that nginx sees, but perhaps what the client wrote",
                     word_of(field) == "X-Real-IP"
                         ? "proxy_set_header X-Real-IP $remote_addr;"
                         : "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
  }
  return true;
}

/// The broker sees nginx only: whatever it counts by address, it counts of all together.
void check_limits(const Configuration& configuration, const Route& route, Findings& findings) {
  const std::string_view source = source_of(*route.target);
  const bool exempt = source == "unix" || names(configuration.settings.limits_exempt, source);
  for (const std::string_view option :
       counted_by_address(configuration.settings, listener_of(configuration, route))) {
    const bool of_listener = option != "max_login_failures";
    findings.warning(
        of_listener ? configuration.where(*route.listener, option) : configuration.where(option),
        "The broker does not learn the addresses of clients behind nginx (" + route.where() +
            "): '" + std::string(option) + "' " +
            (exempt ? "counts none of them, for nginx is in 'limits_exempt'"
                    : "counts all of them as one"),
        route.proxy.is_stream
            ? "proxy_protocol on; in nginx, and " +
                  configuration.line("enable_proxy_protocol", "1") + " under the listener"
            : "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
  }
}

/// Checks that the broker learns the client's address, by PROXY header or by header field.
bool check_address(const Configuration& configuration, const Route& route, Findings& findings) {
  if (check_proxy_header(configuration, route, findings)) {
    if (!check_trust(configuration, route, true, findings)) return true;  // nobody is let in at all
    findings.good(where_of(route.proxy.scope.find("proxy_protocol")->place),
                  "The broker is told the client's address, in a PROXY header");
    return true;
  }
  return !route.proxy.is_stream && check_address_field(configuration, route, findings);
}

}  // namespace

void check_callers(const Configuration& configuration, const Route& route, Findings& findings) {
  if (!check_address(configuration, route, findings)) check_limits(configuration, route, findings);
}

}  // namespace doctor
