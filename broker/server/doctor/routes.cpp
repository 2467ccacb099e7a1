#include "broker/server/doctor/routes.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "broker/server/doctor/finding.h"

namespace doctor {
namespace {

bool same_text(std::string_view left, std::string_view right) {
  const auto lower = [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  };
  return std::ranges::equal(left, right, {}, lower, lower);
}

bool is_every_address(std::string_view address) {
  return address.empty() || address == "0.0.0.0" || address == "::";
}

bool is_ipv4(std::string_view address) {
  return address.find_first_not_of("0123456789.") == address.npos;
}

/// Do two names of an address mean the same? "localhost" may be either family's.
bool same_host(std::string_view target, std::string_view listener) {
  if (target == listener) return true;
  const auto is_name = [](std::string_view each) {
    return is_loopback(each) && !is_ipv4(each) && each.find(':') == each.npos;
  };
  return (is_name(target) && is_loopback(listener)) || (is_name(listener) && is_loopback(target));
}

bool is_at(const Target& target, const conf::Listener& listener) {
  if (!target.path.empty()) return target.path == listener.unix_socket_path;
  if (!listener.unix_socket_path.empty() || target.port != listener.port) return false;
  // Another machine's name may well be this one's: the port decides.
  if (is_every_address(listener.address) && !listener.loopback_only) return true;
  if (listener.loopback_only) return is_loopback(target.host);
  return same_host(target.host, listener.address);
}

bool is_here(const Target& target) { return !target.path.empty() || is_loopback(target.host); }

}  // namespace

std::string Route::where() const { return where_of(proxy.pass->place); }

std::string Route::where(const conf::NginxDirective* directive) const {
  if (directive != nullptr) return where_of(directive->place);
  return proxy.location != nullptr ? where_of(proxy.location->place) : where();
}

const conf::NginxDirective* header_set(const Scope& scope, std::string_view name) {
  for (const conf::NginxDirective* each : scope.list("proxy_set_header")) {
    if (!each->words.empty() && same_text(each->words.front(), name)) return each;
  }
  return nullptr;
}

std::optional<std::size_t> listener_at(const Target& target, const conf::Settings& settings) {
  const auto found = std::ranges::find_if(
      settings.listeners, [&](const conf::Listener& each) { return is_at(target, each); });
  if (found == settings.listeners.end()) return std::nullopt;
  return static_cast<std::size_t>(found - settings.listeners.begin());
}

// Pointers into targets stay good while a vector of routes grows: they are moved, not copied.
static_assert(std::is_nothrow_move_constructible_v<Route>);

std::vector<Route> routes_of(std::vector<Proxy> proxies, const conf::Settings& settings) {
  std::vector<Route> routes;
  for (Proxy& proxy : proxies) {
    Route route{.proxy = std::move(proxy), .listener = {}, .target = nullptr, .astray = {}};
    for (const Target& target : route.proxy.targets) {
      const auto listener = listener_at(target, settings);
      if (!listener && is_here(target)) route.astray.push_back(&target);
      if (!listener || route.listener) continue;
      route.listener = listener;
      route.target = &target;
    }
    const bool upgrades = header_set(route.proxy.scope, "Upgrade") != nullptr;
    const bool meant = upgrades && !route.astray.empty();
    if (!route.listener && !meant) continue;
    if (route.target == nullptr) route.target = route.astray.front();
    routes.push_back(std::move(route));
  }
  return routes;
}

const conf::Listener& listener_of(const Configuration& configuration, const Route& route) {
  return configuration.settings.listeners[*route.listener];
}

std::string lost_header(const Route& route, std::string_view name) {
  for (const conf::NginxDirective* each : route.proxy.scope.everywhere("proxy_set_header")) {
    if (same_text(word_of(each), name)) {
      return "; the one at " + where_of(each->place) +
             " is not inherited, since this block sets headers of its own";
    }
  }
  return "";
}

std::string word_of(const conf::NginxDirective* directive, std::size_t word) {
  return directive != nullptr && word < directive->words.size() ? directive->words[word] : "";
}

std::set<std::size_t> listeners_behind(const std::vector<Route>& routes) {
  std::set<std::size_t> listeners;
  for (const Route& route : routes) {
    if (route.listener) listeners.insert(*route.listener);
  }
  return listeners;
}

}  // namespace doctor
