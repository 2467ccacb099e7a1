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

/// The number of connections that nginx can carry, as far as its configuration tells.
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
