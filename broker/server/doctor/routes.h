// broker/server/doctor/routes.h
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <vector>

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/proxies.h"

namespace doctor {

/// A way from nginx to the broker, or one that looks as if it were meant to be.
///
/// Shape      listener: the first that a target leads to; none: no target leads to the broker,
///            though the location passes WebSocket headers on to this machine.
struct Route {
  Proxy proxy;
  std::optional<std::size_t> listener;
  const Target* target = nullptr;     // that leads to the listener, or the first
  std::vector<const Target*> astray;  // targets on this machine where no listener is

  /// Where the proxy_pass stands.
  [[nodiscard]] std::string where() const;
  /// Where a directive stands; null: the location that lacks it.
  [[nodiscard]] std::string where(const conf::NginxDirective* directive) const;
};

/// The listener that a route leads to. Requires that there is one.
[[nodiscard]] const conf::Listener& listener_of(const Configuration& configuration,
                                                const Route& route);

/// The listener at this target. None: the broker does not listen there.
[[nodiscard]] std::optional<std::size_t> listener_at(const Target& target,
                                                     const conf::Settings& settings);

/// The proxies that have to do with MQTT: those that lead to a listener, and those to this machine
/// that pass an Upgrade header on. Others are somebody else's.
///
/// Lifetime   Points into `proxies`' configuration and into the result itself: do not copy it.
[[nodiscard]] std::vector<Route> routes_of(std::vector<Proxy> proxies,
                                           const conf::Settings& settings);

/// The listeners that some route leads to.
[[nodiscard]] std::set<std::size_t> listeners_behind(const std::vector<Route>& routes);

/// The proxy_set_header that holds here for this header; its name has no case. Null: none.
[[nodiscard]] const conf::NginxDirective* header_set(const Scope& scope, std::string_view name);

/// A proxy_set_header for this header in an outer block, which an inner one puts out of force by
/// setting others: "; the one at FILE:LINE is not inherited ...". Empty: there is none.
[[nodiscard]] std::string lost_header(const Route& route, std::string_view name);

/// A word of a directive; empty if it has fewer, or is null.
[[nodiscard]] std::string word_of(const conf::NginxDirective* directive, std::size_t word = 0);

}  // namespace doctor
