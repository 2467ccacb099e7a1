#include "broker/server/doctor/pace_checks.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace doctor {
namespace {

using conf::NginxDirective;

constexpr std::int64_t usual_keepalive_seconds = 60;  // of Paho and of most other clients

std::string seconds(std::int64_t count) { return std::to_string(count) + " s"; }

/// The timeout that ends a quiet connection, and the directive that sets it.
struct Timeout {
  std::string_view name;
  const NginxDirective* directive = nullptr;
  std::int64_t seconds = 0;
};

Timeout timeout_of(const Proxy& proxy) {
  Timeout timeout{.name = proxy.is_stream ? "proxy_timeout" : "proxy_read_timeout"};
  timeout.directive = proxy.scope.find(timeout.name);
  timeout.seconds = proxy.is_stream ? 600 : 60;
  if (timeout.directive != nullptr) {
    timeout.seconds = parse_time(timeout.directive->words).value_or(timeout.seconds);
  }
  return timeout;
}

std::string where_of_timeout(const Route& route, const Timeout& timeout) {
  return timeout.directive != nullptr ? where_of(timeout.directive->place) : route.where();
}

/// Pings of the broker keep the connection busy, whatever its client does.
void check_pings(const Configuration& configuration, const Route& route, const Timeout& timeout,
                 std::int64_t interval_seconds, Findings& findings) {
  const std::string ping = "'websockets_ping_interval' is " + seconds(interval_seconds) + " (" +
                           configuration.where(*route.listener, "websockets_ping_interval") + ")";
  if (interval_seconds < timeout.seconds) {
    return findings.good(where_of_timeout(route, timeout),
                         "The broker's pings keep quiet connections open: " + ping + ", '" +
                             std::string(timeout.name) + "' " + seconds(timeout.seconds));
  }
  findings.error(
      where_of_timeout(route, timeout),
      "nginx cuts a quiet connection after " + seconds(timeout.seconds) +
          ", before the broker's ping comes: " + ping,
      configuration.line("websockets_ping_interval",
                         std::to_string(std::max<std::int64_t>(1, timeout.seconds / 2))));
}

/// The zone of a limit, where it is made. Null: nowhere, or in a file that is not known.
const NginxDirective* zone_of(const Scope& scope, std::string_view kind, const std::string& name) {
  for (const NginxDirective* each : scope.everywhere(kind)) {
    for (const std::string& word : each->words) {
      if (word.starts_with("zone=" + name + ":")) return each;
    }
  }
  return nullptr;
}

std::string parameter_of(const NginxDirective& directive, std::string_view name) {
  for (const std::string& word : directive.words) {
    if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=') {
      return word.substr(name.size() + 1);
    }
  }
  return "";
}

bool is_by_address(const NginxDirective& zone) {
  return word_of(&zone).find("remote_addr") != std::string::npos ||
         word_of(&zone).find("realip") != std::string::npos;
}

void check_limit_req(const Route& route, const NginxDirective& limit, Findings& findings) {
  const std::string name = parameter_of(limit, "zone");
  const NginxDirective* const zone = zone_of(route.proxy.scope, "limit_req_zone", name);
  const std::string rate = zone != nullptr ? parameter_of(*zone, "rate") : "";
  const std::string where = where_of(limit.place);
  if (zone != nullptr && !is_by_address(*zone)) {
    return findings.warning(
        where,
        "All clients together may connect at " + rate + ": zone '" + name + "' counts by " +
            word_of(zone) + " (" + where_of(zone->place) + "); when all come back, most get 503",
        "limit_req_zone $binary_remote_addr zone=" + name + ":10m rate=" + rate + ";");
  }
  const auto burst = parse_count(parameter_of(limit, "burst")).value_or(0);
  if (burst == 0) {
    return findings.warning(where,
                            "Without burst, of clients that come back together from one address "
                            "all but the first get 503 (rate " +
                                rate + ")",
                            "limit_req zone=" + name + " burst=20 nodelay;");
  }
  findings.notice(where, "From one address " + std::to_string(burst + 1) +
                             " clients may connect at once, then " + rate +
                             "; of those behind one address (an office, a mobile network) more get "
                             "503 and have to try again");
}

void check_limit_conn(const Route& route, const NginxDirective& limit, Findings& findings) {
  const NginxDirective* const zone = zone_of(route.proxy.scope, "limit_conn_zone", word_of(&limit));
  const std::string count = word_of(&limit, 1);
  if (zone != nullptr && !is_by_address(*zone)) {
    return findings.warning(
        where_of(limit.place),
        "All clients together may have " + count + " connections: zone '" + word_of(&limit) +
            "' counts by " + word_of(zone) + " (" + where_of(zone->place) + ")",
        "limit_conn_zone $binary_remote_addr zone=" + word_of(&limit) + ":10m;");
  }
  findings.notice(where_of(limit.place), "From one address " + count +
                                             " clients may be connected at a time; more of those "
                                             "behind one address get 503");
}

/// Does `listen` take connections of other machines without TLS?
bool is_open_and_plain(const NginxDirective& listen) {
  const std::string address = word_of(&listen);
  const std::string host = address.substr(0, address.rfind(':'));
  if (address.starts_with("unix:") || is_loopback(host)) return false;
  return std::ranges::none_of(
      listen.words, [](const std::string& each) { return each == "ssl" || each == "quic"; });
}

}  // namespace

void check_timeouts(const Configuration& configuration, const Route& route, Findings& findings) {
  const Timeout timeout = timeout_of(route.proxy);
  const auto interval =
      std::int64_t{listener_of(configuration, route).websockets_ping_interval_seconds};
  if (interval > 0) return check_pings(configuration, route, timeout, interval, findings);
  const std::int64_t keepalive = configuration.settings.max_keepalive_seconds;
  const std::string name = "'" + std::string(timeout.name) + "' is " + seconds(timeout.seconds) +
                           (timeout.directive == nullptr ? " (nginx's default)" : "");
  const bool pings = listener_of(configuration, route).protocol == conf::Protocol::websockets;
  const std::string ping_cure =
      pings
          ? configuration.line("websockets_ping_interval", "30") + " under the listener at " +
                configuration.where(*route.listener) + ", or " + std::string(timeout.name) + " 1h;"
          : std::string(timeout.name) + " 1h;";
  const std::string where = where_of_timeout(route, timeout);
  if (timeout.seconds <= usual_keepalive_seconds) {
    return findings.error(where,
                          name +
                              ": nginx cuts every client that is quiet for so long; the "
                              "keepalive of most clients is 60 s",
                          ping_cure);
  }
  if (keepalive == 0) {
    return findings.notice(
        where,
        name +
            ": a client whose keepalive is longer is cut when it is quiet; "
            "nothing limits keepalives",
        pings ? ping_cure
              : configuration.line("max_keepalive", std::to_string(timeout.seconds / 2)));
  }
  if (timeout.seconds <= keepalive) {
    return findings.warning(where,
                            name + ", but clients may have a keepalive of " + seconds(keepalive) +
                                " (" + configuration.where("max_keepalive") +
                                "): those are cut when they are quiet",
                            ping_cure);
  }
  findings.good(where,
                name + ", longer than any keepalive ('max_keepalive' " + seconds(keepalive) + ")");
}

void check_rates(const Route& route, Findings& findings) {
  for (const NginxDirective* each : route.proxy.scope.list("limit_req")) {
    check_limit_req(route, *each, findings);
  }
  for (const NginxDirective* each : route.proxy.scope.list("limit_conn")) {
    check_limit_conn(route, *each, findings);
  }
}

void check_front(const Route& route, Findings& findings) {
  const NginxDirective* const server = route.proxy.server;
  if (server == nullptr) return;
  std::vector<const NginxDirective*> plain;
  bool listens = false;
  for (const NginxDirective& each : server->block) {
    if (each.name != "listen") continue;
    listens = true;
    if (is_open_and_plain(each)) plain.push_back(&each);
  }
  if (listens && plain.empty()) {
    return findings.good(where_of(server->place), "nginx speaks TLS to whoever comes from outside");
  }
  // Without a listen, nginx takes port 80.
  const NginxDirective& at = plain.empty() ? *server : *plain.front();
  findings.warning(where_of(at.place),
                   "nginx takes clients without TLS: passwords and messages can be read on the way",
                   "listen 443 ssl; with ssl_certificate and ssl_certificate_key, and a server of "
                   "its own for port 80: return 301 https://$host$request_uri;");
}

}  // namespace doctor
