#include "broker/server/doctor/nginx_checks.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "broker/server/doctor/listener_checks.h"
#include "broker/server/doctor/system_checks.h"

namespace doctor {
namespace {

using conf::NginxDirective;

constexpr std::int64_t usual_keepalive_seconds = 60;  // of Paho and of most other clients

std::string word_of(const NginxDirective* directive, std::size_t word = 0) {
  return directive != nullptr && word < directive->words.size() ? directive->words[word] : "";
}

const conf::Listener& listener_of(const Configuration& configuration, const Route& route) {
  return configuration.settings.listeners[*route.listener];
}

std::string seconds(std::int64_t count) { return std::to_string(count) + " s"; }

/// The timeout that ends a quiet connection, and what sets it.
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

/// max_conn per address and the like: the first word of the zone's key.
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

bool is_by_address(const NginxDirective* zone) {
  return zone == nullptr || word_of(zone).find("remote_addr") != std::string::npos ||
         word_of(zone).find("realip") != std::string::npos;
}

void check_limit_req(const Route& route, const NginxDirective& limit, Findings& findings) {
  const std::string name = parameter_of(limit, "zone");
  const NginxDirective* const zone = zone_of(route.proxy.scope, "limit_req_zone", name);
  const std::string rate = zone != nullptr ? parameter_of(*zone, "rate") : "";
  const std::string where = where_of(limit.place);
  if (!is_by_address(zone)) {
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
  if (!is_by_address(zone)) {
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

/// What nginx can carry, as far as its configuration says.
struct Workers {
  std::uint64_t processes = 1;
  std::uint64_t connections = 512;
  std::string where;
  [[nodiscard]] std::uint64_t clients() const { return processes * connections / 2; }
};

const NginxDirective* find_in(const std::vector<NginxDirective>& directives,
                              std::string_view name) {
  const auto found = std::ranges::find_if(
      directives, [&](const NginxDirective& each) { return each.name == name; });
  return found == directives.end() ? nullptr : &*found;
}

Workers workers_of(const conf::NginxConfiguration& nginx, const Facts& facts) {
  Workers workers;
  workers.where = nginx.files.empty() ? "" : nginx.files.front();
  const NginxDirective* const processes = find_in(nginx.directives, "worker_processes");
  if (word_of(processes) == "auto") {
    workers.processes = facts.cores;
  } else if (processes != nullptr) {
    workers.processes = parse_count(word_of(processes)).value_or(1);
  }
  const NginxDirective* const events = find_in(nginx.directives, "events");
  if (events == nullptr) return workers;
  workers.where = where_of(events->place);
  const NginxDirective* const connections = find_in(events->block, "worker_connections");
  if (connections == nullptr) return workers;
  workers.where = where_of(connections->place);
  workers.connections = parse_count(word_of(connections)).value_or(512);
  return workers;
}

void check_worker_files(const conf::NginxConfiguration& nginx, const Workers& workers,
                        const Facts& facts, Findings& findings) {
  const NginxDirective* const limit = find_in(nginx.directives, "worker_rlimit_nofile");
  const std::string cure = "worker_rlimit_nofile " + std::to_string(workers.connections * 2) + ";";
  std::uint64_t files = 1024;  // systemd's soft limit
  std::string where = workers.where;
  std::string what = "Without worker_rlimit_nofile a worker may open 1024 files, as systemd has it";
  if (limit != nullptr) {
    files = parse_count(word_of(limit)).value_or(0);
    where = where_of(limit->place);
    what = "A worker may open " + std::to_string(files) + " files";
  } else if (facts.nginx_unit && facts.nginx_unit->open_files) {
    files = facts.nginx_unit->open_files->soft;
    where = facts.nginx_unit->open_files_where;
    what = "Without worker_rlimit_nofile a worker may open " + std::to_string(files) +
           " files, as its unit has it";
  }
  // Each connection is a file, to the client or to the broker.
  if (files < workers.connections) {
    return findings.warning(
        where, what + ", fewer than its " + std::to_string(workers.connections) + " connections",
        cure);
  }
  findings.good(where, what + ", enough for its connections");
}

/// The routes that take ports, by where they lead.
std::map<std::string, const Route*> tcp_targets(const std::vector<Route>& routes) {
  std::map<std::string, const Route*> targets;
  for (const Route& route : routes) {
    if (!route.listener) continue;
    for (const Target& each : route.proxy.targets) {
      if (each.path.empty()) targets.emplace(each.text(), &route);
    }
  }
  return targets;
}

std::string unix_socket_cure(const Configuration& configuration) {
  return configuration.is_toml
             ? "a [[listener]] with unix_socket_path = \"/run/darter/ws.sock\" and protocol = "
               "\"websockets\", and for nginx: server unix:/run/darter/ws.sock;"
             : "listener 0 /run/darter/ws.sock, below it protocol websockets, and for nginx: "
               "server "
               "unix:/run/darter/ws.sock;";
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

void check_workers(const Configuration& configuration, const conf::NginxConfiguration& nginx,
                   const Facts& facts, Findings& findings) {
  if (!is_whole(nginx)) {
    return findings.unknown(nginx.files.empty() ? "" : nginx.files.front(),
                            "worker_connections: this is a part of an nginx configuration",
                            "--nginx /etc/nginx/nginx.conf");
  }
  const Workers workers = workers_of(nginx, facts);
  const std::string text = std::to_string(workers.processes) + " worker processes with " +
                           std::to_string(workers.connections) +
                           " connections each, two for a client: about " +
                           std::to_string(workers.clients()) + " clients";
  const auto wanted = clients_max(configuration.settings);
  const auto enough = [&](std::uint64_t clients) {
    const std::uint64_t each = clients * 2 / std::max<std::uint64_t>(1, workers.processes) + 100;
    return "events { worker_connections " + std::to_string(each) + "; }";
  };
  if (wanted && *wanted > workers.clients()) {
    findings.warning(workers.where,
                     text + ", but the broker is to have " + std::to_string(*wanted) + " (" +
                         configuration.where("global_max_connections") + ")",
                     enough(*wanted));
  } else if (wanted) {
    findings.good(workers.where, text);
  } else {
    findings.notice(workers.where, text + "; who comes later is turned away by nginx",
                    enough(10'000) + " for 10000");
  }
  check_worker_files(nginx, workers, facts, findings);
}

void check_local_ports(const Configuration& configuration, const std::vector<Route>& routes,
                       const Facts& facts, Findings& findings) {
  constexpr std::string_view name = "net.ipv4.ip_local_port_range";
  const auto targets = tcp_targets(routes);
  if (targets.empty()) return;
  if (!facts.local_ports) {
    return findings.unknown(std::string(name), "The range of local ports cannot be read");
  }
  const auto ports =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, facts.local_ports->count()));
  const std::uint64_t room = ports * targets.size();
  const std::string text = "nginx can have " + std::to_string(room) + " connections to " +
                           (targets.size() == 1 ? targets.begin()->first
                                                : std::to_string(targets.size()) + " addresses") +
                           ", since each takes a local port, and there are " +
                           std::to_string(ports) + " for one address";
  const std::string cure = "a unix socket has no such limit: " + unix_socket_cure(configuration) +
                           "   or sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"";
  const auto wanted = clients_max(configuration.settings);
  if (wanted && *wanted > room) {
    return findings.warning(
        std::string(name),
        text + ", but the broker is to have " + std::to_string(*wanted) + " clients", cure);
  }
  if (wanted) return findings.good(std::string(name), text);
  findings.notice(std::string(name), text, cure);
}

void check_sockets(const Configuration& configuration, const std::vector<Route>& routes,
                   const Facts& facts, Findings& findings) {
  std::set<std::string> seen;
  for (const Route& route : routes) {
    if (!route.listener || route.target->path.empty()) continue;
    const std::string& path = route.target->path;
    if (!seen.insert(path).second) continue;
    const auto file = facts.files.find(path);
    if (!facts.nginx || file == facts.files.end() ||
        file->second.state != FileFacts::State::there) {
      findings.unknown(configuration.where(*route.listener),
                       "Whether nginx may connect to " + path + " shows when the broker runs");
      continue;
    }
    if (may(*facts.nginx, file->second, 2)) {
      findings.good(where_of(route.target->place),
                    "nginx (user " + facts.nginx->name + ") may connect to " + path);
      continue;
    }
    findings.error(
        where_of(route.target->place),
        "nginx (user " + facts.nginx->name + ") may not connect to " + path + ": it answers 502",
        "usermod -aG " + (facts.broker ? facts.broker->name : "mosquitto") + " " +
            facts.nginx->name + "   and restart nginx");
  }
}

void check_front_certificates(const std::vector<Route>& routes, const Facts& facts,
                              Findings& findings) {
  for (const CertificatePair& pair : front_certificates(routes)) {
    const auto trial = facts.nginx_tls.find(pair.certificate);
    if (trial == facts.nginx_tls.end()) continue;
    check_trial(trial->second, pair.where, "Certificate and key of nginx",
                "fit, and last for 14 days or more", "renew it, then: nginx -s reload", findings);
  }
}

std::vector<CertificatePair> front_certificates(const std::vector<Route>& routes) {
  std::vector<CertificatePair> pairs;
  std::set<std::string> seen;
  for (const Route& route : routes) {
    const auto certificates = route.proxy.scope.list("ssl_certificate");
    const auto keys = route.proxy.scope.list("ssl_certificate_key");
    for (std::size_t i = 0; i < std::min(certificates.size(), keys.size()); ++i) {
      const std::string certificate = word_of(certificates[i]);
      const std::string key = word_of(keys[i]);
      if (certificate.empty() || (certificate + key).find('$') != std::string::npos) continue;
      if (!seen.insert(certificate).second) continue;
      pairs.push_back(
          {.certificate = certificate, .key = key, .where = where_of(certificates[i]->place)});
    }
  }
  return pairs;
}

}  // namespace doctor
