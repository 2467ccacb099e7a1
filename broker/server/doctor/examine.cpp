#include "broker/server/doctor/examine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "broker/server/doctor/caller_checks.h"
#include "broker/server/doctor/file_checks.h"
#include "broker/server/doctor/listener_checks.h"
#include "broker/server/doctor/nginx_checks.h"
#include "broker/server/doctor/pace_checks.h"
#include "broker/server/doctor/route_checks.h"
#include "broker/server/doctor/routes.h"
#include "broker/server/doctor/system_checks.h"

namespace doctor {
namespace {

/// Adds the diagnostics of the readers themselves.
void add(const conf::Diagnostics& diagnostics, Findings& findings) {
  for (const conf::Diagnostic& each : diagnostics) {
    const std::string where = where_of({.file = each.file, .line = each.line});
    switch (each.severity) {
      case conf::Severity::notice:
        findings.notice(where, each.text);
        break;
      case conf::Severity::warning:
        findings.warning(where, each.text, "");
        break;
      case conf::Severity::error:
        findings.error(where, each.text, "correct that line");
        break;
    }
  }
}

Chapter limits(const Case& subject) {
  Findings findings;
  check_open_files(subject.configuration, subject.facts, findings);
  check_backlogs(subject.configuration, subject.facts, findings);
  return {.title = "Limits of the system", .findings = std::move(findings).take()};
}

Chapter files(const Case& subject) {
  Findings findings;
  check_files(subject.configuration, subject.facts, findings);
  check_trials(subject.configuration, subject.facts, findings);
  return {.title = "Files", .findings = std::move(findings).take()};
}

/// The diagnostics of reading the configuration, except at places for which
/// `files` has a finding already.
conf::Diagnostics remarks_beside(const Case& subject, const Chapter& files) {
  conf::Diagnostics remarks = subject.configuration.settings.remarks;
  std::erase_if(remarks, [&](const conf::Diagnostic& each) {
    const std::string where = where_of({.file = each.file, .line = each.line});
    return std::ranges::any_of(files.findings, [&](const Finding& found) {
      return found.severity >= Severity::warning && found.where == where;
    });
  });
  return remarks;
}

Chapter listeners(const Case& subject, const std::vector<Route>& routes, const Chapter& files) {
  Findings findings;
  add(remarks_beside(subject, files), findings);
  check_listeners(subject.configuration, listeners_behind(routes), findings);
  return {.title = "Listeners", .findings = std::move(findings).take()};
}

/// A location for the files of the listener and not for its WebSockets.
bool is_for_files(const Configuration& configuration, const Route& route) {
  return !configuration.settings.listeners[*route.listener].http_dir.empty() &&
         header_set(route.proxy.scope, "Upgrade") == nullptr;
}

void check_route(const Configuration& configuration, const Route& route, Findings& findings) {
  if (!check_destination(configuration, route, findings)) return;
  if (is_for_files(configuration, route)) {
    return findings.notice(route.where(),
                           "No Upgrade header is passed on here: taken to be for the files of "
                           "'http_dir' only");
  }
  check_headers(route, findings);
  check_callers(configuration, route, findings);
  check_timeouts(configuration, route, findings);
  check_header_sizes(configuration, route, findings);
  check_origins(configuration, route, findings);
  check_rates(route, findings);
  check_front(route, findings);
}

/// Reports proxies of WebSockets with a target that is decided for each request.
void check_undecided(const std::vector<Proxy>& proxies, Findings& findings) {
  for (const Proxy& each : proxies) {
    if (!each.is_variable || header_set(each.scope, "Upgrade") == nullptr) continue;
    findings.unknown(where_of(each.pass->place),
                     "Where this leads is decided for each request: " + each.pass->words.front());
  }
}

/// WebSocket listeners that nobody outside can reach.
void check_unreached(const Case& subject, const std::vector<Route>& routes, Findings& findings) {
  const std::set<std::size_t> reached = listeners_behind(routes);
  const auto& all = subject.configuration.settings.listeners;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const conf::Listener& listener = all[i];
    if (listener.protocol != conf::Protocol::websockets || reached.contains(i)) continue;
    if (is_open_to_the_world(listener)) continue;
    findings.warning(
        subject.configuration.where(i),
        "No proxy_pass of nginx leads to " + name_of(listener) +
            ", so browsers elsewhere cannot reach it",
        "location /mqtt { proxy_pass http://" +
            (listener.unix_socket_path.empty() ? "127.0.0.1:" + std::to_string(listener.port)
                                               : "unix:" + listener.unix_socket_path) +
            "; ... } in a server of nginx");
  }
}

Chapter nginx(const Case& subject, const std::vector<Proxy>& proxies,
              const std::vector<Route>& routes) {
  Findings findings;
  if (!subject.nginx) {
    findings.unknown("nginx", subject.nginx_missing, "--nginx FILE");
    return {.title = "nginx", .findings = std::move(findings).take()};
  }
  add(subject.nginx->diagnostics, findings);
  for (const Route& route : routes) check_route(subject.configuration, route, findings);
  check_undecided(proxies, findings);
  const bool undecided = std::ranges::any_of(proxies, &Proxy::is_variable);
  if (!undecided) check_unreached(subject, routes, findings);
  if (!routes.empty()) {
    check_workers(subject.configuration, *subject.nginx, subject.facts, findings);
    check_local_ports(subject.configuration, routes, subject.facts, findings);
    check_sockets(subject.configuration, routes, subject.facts, findings);
    check_front_certificates(routes, subject.facts, findings);
  } else {
    findings.notice(subject.nginx->files.front(),
                    "Nothing in it leads to the broker: " + std::to_string(proxies.size()) +
                        " proxy_pass looked at");
  }
  return {.title = "nginx", .findings = std::move(findings).take()};
}

}  // namespace

std::vector<Chapter> examine(const Case& subject) {
  const std::vector<Proxy> proxies =
      subject.nginx ? proxies_of(*subject.nginx) : std::vector<Proxy>{};
  const std::vector<Route> routes = routes_of(proxies, subject.configuration.settings);
  std::vector<Chapter> chapters;
  chapters.push_back(limits(subject));
  chapters.push_back(files(subject));
  chapters.push_back(listeners(subject, routes, chapters.back()));
  chapters.push_back(nginx(subject, proxies, routes));
  return chapters;
}

}  // namespace doctor
