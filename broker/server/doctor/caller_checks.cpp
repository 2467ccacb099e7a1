#include "broker/server/doctor/caller_checks.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "conf/network.h"

namespace doctor {
namespace {

const conf::Listener& listener_of(const Configuration& configuration, const Route& route) {
  return configuration.settings.listeners[*route.listener];
}

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

/// Both sides have to agree; what nginx sends is version 1. Returns whether the header comes.
bool check_proxy_header(const Configuration& configuration, const Route& route,
                        Findings& findings) {
  const conf::Listener& listener = listener_of(configuration, route);
  const conf::NginxDirective* const directive =
      route.proxy.is_stream ? route.proxy.scope.find("proxy_protocol") : nullptr;
  const bool sends =
      directive != nullptr && !directive->words.empty() && directive->words.front() == "on";
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
  } else if (sends) {
    findings.good(where_of(directive->place),
                  "The broker is told the client's address, in a PROXY header");
  }
  return sends && listener.proxy_protocol == 1;
}

/// Whether what nginx says of a client is believed.
bool check_trust(const Configuration& configuration, const Route& route, Findings& findings) {
  const conf::Listener& listener = listener_of(configuration, route);
  const std::string_view source = source_of(*route.target);
  const std::string where = configuration.where(*route.listener, "trusted_proxies");
  if (listener.trusted_proxies.empty() && !source.empty()) return true;
  if (source.empty()) {
    findings.unknown(where,
                     "From which address nginx comes is not known, so neither is whether "
                     "'trusted_proxies' has it");
    return true;
  }
  if (names(listener.trusted_proxies, source)) {
    findings.good(where, "The broker believes what nginx says of a client");
    return true;
  }
  findings.warning(where,
                   "nginx comes from " + std::string(source) +
                       ", which is not among 'trusted_proxies': whom it names is not believed, "
                       "and all clients look like nginx",
                   configuration.line("trusted_proxies", source));
  return false;
}

/// Is the client's address in a header that nginx writes?
bool says_address(const Route& route) {
  constexpr auto headers =
      std::to_array<std::string_view>({"X-Forwarded-For", "X-Real-IP", "Forwarded"});
  return std::ranges::any_of(headers, [&](std::string_view name) {
    const conf::NginxDirective* const header = header_set(route.proxy.scope, name);
    return header != nullptr && header->words.size() > 1 && !header->words[1].empty();
  });
}

/// The first option that counts by address here; empty: none.
std::string_view counts_by_address(const Configuration& configuration, const Route& route) {
  const conf::Listener& listener = listener_of(configuration, route);
  if (listener.max_connections_per_address != 0) return "max_connections_per_address";
  if (listener.max_connection_rate_per_address != 0) return "max_connection_rate_per_address";
  return configuration.settings.max_login_failures != 0 ? "max_login_failures" : "";
}

/// The broker sees nginx only: whatever it counts by address, it counts of all together.
void check_limits(const Configuration& configuration, const Route& route, Findings& findings) {
  const std::string_view option = counts_by_address(configuration, route);
  if (option.empty()) return;
  const std::string_view source = source_of(*route.target);
  const bool exempt = source == "unix" || names(configuration.settings.limits_exempt, source);
  const bool of_listener = option != "max_login_failures";
  findings.warning(
      of_listener ? configuration.where(*route.listener, option) : configuration.where(option),
      "The broker does not learn the addresses of clients behind nginx (" + route.where() + "): '" +
          std::string(option) + "' " +
          (exempt ? "counts none of them, for nginx is in 'limits_exempt'"
                  : "counts all of them as one"),
      route.proxy.is_stream
          ? "proxy_protocol on; in nginx, and " + configuration.line("enable_proxy_protocol", "1") +
                " under the listener"
          : "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
}

}  // namespace

void check_callers(const Configuration& configuration, const Route& route, Findings& findings) {
  bool known = check_proxy_header(configuration, route, findings);
  if (!route.proxy.is_stream && says_address(route)) {
    known = check_trust(configuration, route, findings) || known;
  }
  if (!known) check_limits(configuration, route, findings);
}

}  // namespace doctor
