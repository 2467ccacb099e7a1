#include "broker/server/doctor/route_checks.h"

#include <algorithm>
#include <utility>

namespace doctor {
namespace {

using conf::NginxDirective;

/// "127.0.0.1:9001 or unix:/run/ws.sock": where WebSocket is spoken.
std::string websocket_targets(const conf::Settings& settings) {
  std::string list;
  for (const conf::Listener& each : settings.listeners) {
    if (each.protocol != conf::Protocol::websockets) continue;
    const bool everywhere = each.address.empty() || each.address == "0.0.0.0";
    list += list.empty() ? "" : " or ";
    list += each.unix_socket_path.empty()
                ? (everywhere ? "127.0.0.1" : each.address) + ":" + std::to_string(each.port)
                : "unix:" + each.unix_socket_path;
  }
  return list;
}

/// "proxy_pass http://127.0.0.1:9001;", or a hint for a listener that it could name.
std::string right_target(const Configuration& configuration, const Route& route) {
  const std::string targets = websocket_targets(configuration.settings);
  if (targets.empty()) {
    return "a listener for WebSockets in " + configuration.file + ": " +
           (configuration.is_toml
                ? "[[listener]] with port = 9001, bind_address = \"127.0.0.1\" and protocol = "
                  "\"websockets\""
                : "listener 9001 127.0.0.1, and below it: protocol websockets");
  }
  if (!route.proxy.upstream.empty()) {
    return "in upstream " + route.proxy.upstream + ": server " + targets + ";";
  }
  return "proxy_pass http://" + targets + ";";
}

/// The path of a location that is no regular expression. None: it is one, or has no path.
std::optional<std::string> path_of(const NginxDirective& location, bool& exact) {
  const auto& words = location.words;
  if (words.empty()) return std::nullopt;
  exact = words.front() == "=";
  if (words.size() == 1)
    return words.front().starts_with('@') ? std::nullopt : std::optional(words[0]);
  if (exact || words.front() == "^~") return words[1];
  return std::nullopt;
}

/// Can a request for something in `location` arrive at the broker as `http_path`?
bool reaches(const std::string& http_path, const std::string& location, bool exact,
             const std::optional<std::string>& uri) {
  if (!uri) return exact ? http_path == location : http_path.starts_with(location);
  return exact ? http_path == *uri : http_path.starts_with(*uri);
}

void check_path(const Configuration& configuration, const Route& route, Findings& findings) {
  const std::string& http_path = listener_of(configuration, route).http_path;
  const NginxDirective* const location = route.proxy.location;
  if (http_path.empty() || location == nullptr) return;
  const std::string where_path = configuration.where(*route.listener, "http_path");
  bool exact = false;
  const auto path = path_of(*location, exact);
  if (!path || route.proxy.scope.find("rewrite") != nullptr) {
    return findings.unknown(where_of(location->place), "Whether requests arrive at 'http_path' " +
                                                           http_path + " (" + where_path +
                                                           ") depends on a regular expression");
  }
  if (reaches(http_path, *path, exact, route.proxy.uri)) {
    return findings.good(route.where(), "Requests arrive at 'http_path' " + http_path);
  }
  findings.error(
      route.where(),
      "The broker answers 404: it serves " + http_path + " (" + where_path +
          "), but requests for " + *path + " arrive as " + route.proxy.uri.value_or(*path),
      route.proxy.uri
          ? "proxy_pass without a path: proxy_pass http://" +
                (route.proxy.upstream.empty() ? route.target->text() : route.proxy.upstream) +
                ";   and location " + http_path
          : "location " + http_path + " { ... }");
}

bool is_default_connection(const std::string& value) { return value.empty() || value == "close"; }

/// Is this variable made by a map of the configuration, or by nginx itself?
bool is_known(const Scope& scope, const std::string& value) {
  if (value.starts_with("$http_")) return true;
  const std::string name = value.starts_with("${") && value.ends_with('}')
                               ? "$" + value.substr(2, value.size() - 3)
                               : value;
  for (const NginxDirective* each : scope.everywhere("map")) {
    if (word_of(each, 1) == name) return true;
  }
  for (const NginxDirective* each : scope.everywhere("set")) {
    if (word_of(each) == name) return true;
  }
  return false;
}

void check_upgrade(const Route& route, Findings& findings) {
  const NginxDirective* const header = header_set(route.proxy.scope, "Upgrade");
  if (header == nullptr || word_of(header, 1).empty()) {
    return findings.error(route.where(header),
                          "The Upgrade header is not passed on, so the broker answers 426" +
                              lost_header(route, "Upgrade"),
                          "proxy_set_header Upgrade $http_upgrade;");
  }
  findings.good(where_of(header->place), "The Upgrade header is passed on");
}

void check_connection(const Route& route, Findings& findings) {
  const NginxDirective* const header = header_set(route.proxy.scope, "Connection");
  const std::string value = word_of(header, 1);
  if (is_default_connection(value)) {
    return findings.error(
        route.where(header),
        "nginx sends " +
            (value.empty() && header != nullptr ? std::string("no Connection header")
                                                : "'Connection: close'") +
            " instead of 'Connection: upgrade', so the broker answers 426" +
            lost_header(route, "Connection"),
        "proxy_set_header Connection \"upgrade\";");
  }
  if (value.starts_with('$') && !is_known(route.proxy.scope, value)) {
    return findings.error(
        where_of(header->place), "Nothing makes the variable " + value + "; nginx does not start",
        "in http: map $http_upgrade " + value + " { default upgrade; '' close; }");
  }
  findings.good(where_of(header->place), "The Connection header is passed on");
}

void check_version(const Route& route, Findings& findings) {
  const NginxDirective* const version = route.proxy.scope.find("proxy_http_version");
  if (word_of(version) == "1.1") {
    return findings.good(where_of(version->place), "nginx speaks HTTP 1.1 to the broker");
  }
  if (version == nullptr || word_of(version) == "1.0") {
    return findings.warning(route.where(version),
                            "nginx speaks HTTP 1.0 to the broker, in which there is no upgrade to "
                            "a WebSocket: the broker accepts it and writes a warning",
                            "proxy_http_version 1.1;");
  }
  findings.error(route.where(version),
                 "nginx speaks HTTP " + word_of(version) +
                     " to the broker: there is no upgrade to a WebSocket in that",
                 "proxy_http_version 1.1;");
}

/// TLS on one side only leads nowhere.
void check_scheme(const Configuration& configuration, const Route& route, Findings& findings) {
  const conf::Listener& listener = listener_of(configuration, route);
  if (listener.tls.is_on() == route.proxy.tls) return;
  findings.error(route.where(),
                 "nginx speaks " + (route.proxy.tls ? std::string("TLS") : "without TLS") + " to " +
                     route.target->text() + ", and the listener there (" +
                     configuration.where(*route.listener) + ") " +
                     (route.proxy.tls ? "does not speak it" : "speaks TLS only"),
                 "proxy_pass http" + std::string(route.proxy.tls ? "" : "s") + "://" +
                     (route.proxy.upstream.empty() ? route.target->text() : route.proxy.upstream) +
                     ";");
}

}  // namespace

bool check_destination(const Configuration& configuration, const Route& route, Findings& findings) {
  for (const Target* each : route.astray) {
    findings.error(where_of(each->place),
                   "The broker does not listen at " + each->text() + "; nginx answers 502 there",
                   right_target(configuration, route));
  }
  if (!route.listener) return false;
  const conf::Listener& listener = listener_of(configuration, route);
  const bool websockets = listener.protocol == conf::Protocol::websockets;
  if (!route.proxy.is_stream && !websockets) {
    findings.error(where_of(route.target->place),
                   "nginx sends HTTP to " + route.target->text() +
                       ", where the broker speaks MQTT (" + configuration.where(*route.listener) +
                       ")",
                   right_target(configuration, route));
    return false;
  }
  findings.good(route.where(), route.target->text() + " is " + name_of(listener) + " (" +
                                   configuration.where(*route.listener) + ")");
  check_scheme(configuration, route, findings);
  if (!route.proxy.is_stream) check_path(configuration, route, findings);
  return true;
}

void check_headers(const Route& route, Findings& findings) {
  if (route.proxy.is_stream) return;
  check_version(route, findings);
  check_upgrade(route, findings);
  check_connection(route, findings);
}

void check_header_sizes(const Configuration& configuration, const Route& route,
                        Findings& findings) {
  if (route.proxy.is_stream) return;
  const NginxDirective* const buffers = route.proxy.scope.find("large_client_header_buffers");
  const std::uint64_t count = parse_count(word_of(buffers)).value_or(4);
  const std::uint64_t size = parse_size(word_of(buffers, 1)).value_or(8192);
  const std::uint64_t most = count * size;
  const std::uint64_t taken = configuration.settings.websockets_headers_size_bytes;
  const std::string where = configuration.where("websockets_headers_size");
  if (most <= taken) {
    return findings.good(where, "The broker takes all headers that nginx lets through");
  }
  std::string text = "nginx lets headers of " + std::to_string(most) +
                     " bytes through, the broker takes " + std::to_string(taken) +
                     ": it answers 431 to a browser with many cookies";
  constexpr std::uint64_t option_max = 65'535;
  std::string cure = "proxy_set_header Cookie \"\"; in the location";
  if (most <= option_max) {
    cure += ", or " + configuration.line("websockets_headers_size", std::to_string(most)) + " in " +
            configuration.file;
  }
  if (header_set(route.proxy.scope, "Cookie") != nullptr) {
    return findings.good(where, "Cookies, the longest of headers, are not passed on");
  }
  // A configuration that enlarges the buffers has a reason for it.
  if (buffers != nullptr) {
    return findings.warning(where_of(buffers->place), std::move(text), std::move(cure));
  }
  findings.notice(where, std::move(text), std::move(cure));
}

void check_origins(const Configuration& configuration, const Route& route, Findings& findings) {
  if (route.proxy.is_stream) return;
  const conf::Listener& listener = listener_of(configuration, route);
  const NginxDirective* const header = header_set(route.proxy.scope, "Origin");
  if (!listener.websockets_origins.empty()) {
    const std::string where = configuration.where(*route.listener, "websockets_origin");
    if (header != nullptr && word_of(header, 1) != "$http_origin") {
      return findings.error(where_of(header->place),
                            "nginx changes the Origin header, and the broker takes only those of "
                            "'websockets_origin' (" +
                                where + ")",
                            "take that line out");
    }
    return findings.good(where, "The broker asks for the Origin of a page");
  }
  const auto looks = [](const NginxDirective* each) {
    return word_of(each).find("$http_origin") != std::string::npos;
  };
  for (const std::string_view name : {"map", "if"}) {
    for (const NginxDirective* each : route.proxy.scope.everywhere(name)) {
      if (looks(each) || word_of(each).starts_with("($http_origin")) {
        return findings.good(where_of(each->place), "nginx looks at the Origin of a page");
      }
    }
  }
  findings.notice(route.where(nullptr),
                  "Nobody looks at the Origin header: a page of any site may connect from its "
                  "visitors' browsers",
                  configuration.line("websockets_origin", "https://www.example.com") +
                      " under the listener at " + configuration.where(*route.listener));
}

}  // namespace doctor
