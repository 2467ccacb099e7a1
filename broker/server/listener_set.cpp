#include "broker/server/listener_set.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>
#include <utility>

#include "auth/realm.h"
#include "broker/core/text.h"
#include "broker/server/http_handlers.h"
#include "broker/server/translate.h"
#include "transport/unix_socket.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;
using transport::Listener;
using transport::ListenerOptions;
using transport::same_place;

constexpr std::size_t numbers_max = std::size_t{1} + std::numeric_limits<std::uint16_t>::max();

/// Gives an entry the number of its place, which is a new one if the place never had a listener.
void number(std::vector<ListenerEntry>& entries, ListenerEntry& wanted) {
  ListenerOptions& options = wanted.configured.options;
  const auto known = std::ranges::find_if(entries, [&](const ListenerEntry& each) {
    return same_place(each.configured.options, options);
  });
  options.index = static_cast<std::uint16_t>(known - entries.begin());
  if (known == entries.end()) {
    entries.push_back(wanted);
  } else {
    *known = wanted;
  }
}

/// Gives the broker's own bridges a number, unless they have one. Their place is none that a
/// listener can have.
void number_bridges(std::vector<ListenerEntry>& entries) {
  const bool known = std::ranges::any_of(
      entries, [](const ListenerEntry& each) { return each.configured.policy.is_for_bridges; });
  if (known) return;
  ListenerEntry entry;
  entry.configured.options.index = static_cast<std::uint16_t>(entries.size());
  entry.configured.options.unix_socket_path = "/";
  entry.configured.policy = bridge_policy();
  entry.configured.realm.allow_anonymous = true;
  entry.realm = auth::Realm::load(entry.configured.realm).value_or(nullptr);
  entries.push_back(std::move(entry));
}

/// Whether both may want the same port of the same address.
bool may_overlap(const ListenerOptions& one, const ListenerOptions& other) {
  return one.unix_socket_path.empty() && other.unix_socket_path.empty() && one.port == other.port;
}

}  // namespace

std::map<std::uint16_t, std::string> names_of(
    const std::vector<std::shared_ptr<Listener>>& listeners) {
  std::map<std::uint16_t, std::string> names;
  for (const auto& each : listeners) names.emplace(each->options().index, name_of(each->options()));
  return names;
}

std::string name_of(const ListenerOptions& options) {
  if (!options.unix_socket_path.empty()) return options.unix_socket_path;
  const std::string port = std::to_string(options.port);
  std::string name = options.address.empty()         ? port
                     : options.address.contains(':') ? concat({"[", options.address, "]:", port})
                                                     : concat({options.address, ":", port});
  if (options.loopback_only) name += " (loopback only)";
  if (!options.bind_interface.empty()) name += concat({" (", options.bind_interface, ")"});
  return name;
}

std::vector<ListenerEntry> entries_of(std::vector<ListenerComponentOptions> configured,
                                      std::vector<std::shared_ptr<const auth::Realm>> realms,
                                      TlsContexts contexts) {
  assert(configured.size() == realms.size() && configured.size() == contexts.size());
  std::vector<ListenerEntry> entries;
  entries.reserve(configured.size());
  for (std::size_t i = 0; i < configured.size(); ++i) {
    entries.push_back({std::move(configured[i]), std::move(realms[i]), std::move(contexts[i])});
  }
  return entries;
}

std::vector<std::shared_ptr<const auth::Realm>> realms_of(
    const std::vector<ListenerEntry>& entries) {
  std::vector<std::shared_ptr<const auth::Realm>> realms;
  realms.reserve(entries.size());
  for (const ListenerEntry& entry : entries) realms.push_back(entry.realm);
  return realms;
}

std::uint16_t number_of_bridges(const std::vector<ListenerEntry>& entries) {
  const auto found = std::ranges::find_if(
      entries, [](const ListenerEntry& each) { return each.configured.policy.is_for_bridges; });
  assert(found != entries.end());
  return found->configured.options.index;
}

std::vector<broker::ListenerPolicy> policies_of(const std::vector<ListenerEntry>& entries) {
  std::vector<broker::ListenerPolicy> policies;
  policies.reserve(entries.size());
  for (const ListenerEntry& entry : entries) policies.push_back(entry.configured.policy);
  return policies;
}

bool ListenerSet::Staged::opens(std::size_t number) const {
  return std::ranges::any_of(listeners,
                             [&](const auto& each) { return each->options().index == number; });
}

std::expected<ListenerSet::Staged, std::string> ListenerSet::stage(
    std::vector<ListenerEntry> wanted, ActivatedSockets* passed) const {
  Staged staged;
  staged.entries = entries_;
  for (ListenerEntry& each : staged.entries) each.tls = nullptr;  // no keys of closed listeners
  Listeners leaving = listeners_;
  for (ListenerEntry& entry : wanted) {
    number(staged.entries, entry);
    std::erase_if(leaving, [&](const auto& each) {
      return same_place(each->options(), entry.configured.options);
    });
  }
  number_bridges(staged.entries);
  if (staged.entries.size() > numbers_max) {
    return std::unexpected(std::string(
        "There were too many listeners since the start: only a restart can open more."));
  }
  for (const auto& each : leaving) staged.removed.push_back(name_of(each->options()));
  for (const ListenerEntry& entry : wanted) {
    const ListenerOptions& options = entry.configured.options;
    // Named twice: it cannot be bound twice, and the kernel says so.
    const bool twice = std::ranges::any_of(
        staged.listeners, [&](const auto& each) { return same_place(each->options(), options); });
    const auto open_now = twice ? nullptr : find(listeners_, options);
    const bool same =
        open_now != nullptr && open_now->options() == options &&
        entry_of(*open_now).configured.mosquitto_api == entry.configured.mosquitto_api;
    if (same) {
      staged.listeners.push_back(open_now);
      continue;
    }
    const auto old = twice || open_now != nullptr ? open_now : find(resting_, options);
    auto next = old != nullptr ? take_over(*old, options) : open(options, leaving, passed);
    if (!next) return std::unexpected(next.error());
    if (open_now == nullptr) staged.added.push_back(name_of(options));
    (*next)->set_http(http_routes_of(entry.configured, desk_, log_));
    (*next)->set_tls(entry.tls);
    staged.listeners.push_back(std::move(*next));
  }
  for (const auto& each : staged.listeners) {
    staged.entries[each->options().index].configured.policy.port = each->port();
  }
  return staged;
}

std::shared_ptr<Listener> ListenerSet::find(const Listeners& listeners,
                                            const ListenerOptions& place) {
  const auto found = std::ranges::find_if(
      listeners, [&](const auto& each) { return same_place(each->options(), place); });
  return found == listeners.end() ? nullptr : *found;
}

std::expected<std::shared_ptr<Listener>, std::string> ListenerSet::take_over(
    const Listener& old, const ListenerOptions& options) {
  auto successor = old.succeed(options);
  if (!successor) return std::unexpected(successor.error());
  return std::shared_ptr<Listener>(std::move(*successor));
}

std::expected<std::shared_ptr<Listener>, std::string> ListenerSet::open(
    const ListenerOptions& options, const Listeners& leaving, ActivatedSockets* passed) const {
  if (passed != nullptr) {
    auto opened = passed->open(options);
    if (!opened) return std::unexpected(opened.error());
    return std::shared_ptr<Listener>(std::move(*opened));
  }
  Listeners beside;
  std::ranges::copy_if(leaving, std::back_inserter(beside),
                       [&](const auto& each) { return may_overlap(each->options(), options); });
  auto opened = Listener::open_beside(options, beside);
  if (!opened) return std::unexpected(opened.error());
  return std::shared_ptr<Listener>(std::move(*opened));
}

void ListenerSet::commit(Staged staged) {
  entries_ = std::move(staged.entries);
  const Listeners open_before = std::exchange(listeners_, std::move(staged.listeners));
  const Listeners rested_before = std::exchange(resting_, {});
  const auto among = [](const Listeners& listeners, const std::shared_ptr<Listener>& each) {
    return std::ranges::find(listeners, each) != listeners.end();
  };
  for (const auto& old : open_before) {
    if (!among(listeners_, old)) end(old);
  }
  for (const auto& old : rested_before) end(old);
  for (const auto& each : resting_) {
    if (!among(rested_before, each)) say_resting(*each);
  }
  const auto is_new = [&](const auto& each) {
    return std::ranges::find(staged.added, name_of(each->options())) != staged.added.end();
  };
  for (const auto& each : listeners_) {
    each->set_tls(entry_of(*each).tls);
    if (is_new(each)) say_where(*each);
  }
}

void ListenerSet::renew_tls(TlsContexts contexts) {
  assert(contexts.size() == listeners_.size());
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    listeners_[i]->set_tls(contexts[i]);
    entries_[listeners_[i]->options().index].tls = std::move(contexts[i]);
  }
}

/// A successor takes over the sockets and connections of a listener. Without one its sockets are
/// closed, unless they are systemd's.
void ListenerSet::end(const std::shared_ptr<Listener>& old) {
  const auto successor = find(listeners_, old->options());
  if (successor == nullptr && old->adopted()) {
    resting_.push_back(old);
    return;
  }
  if (successor != nullptr) successor->connections().set_most(successor->options().max_connections);
  old->retire(successor.get());
  if (successor != nullptr) change_file(old->options(), *successor);
}

void ListenerSet::change_file(const ListenerOptions& before, const Listener& listener) const {
  const ListenerOptions& now = listener.options();
  const bool same = before.unix_socket_mode == now.unix_socket_mode &&
                    before.unix_socket_owner == now.unix_socket_owner;
  if (same || !listener.made_file()) return;
  if (const auto changed = transport::change_unix(now); !changed) {
    log_.write_event(LogType::warning, {.event = broker::Event::listener_failed},
                     concat({"Warning: unix socket ", now.unix_socket_path,
                             " keeps its mode and owner until a restart: ", changed.error(), "."}));
  }
}

std::shared_ptr<const auth::Realm> ListenerSet::realm_of_admins() const {
  for (const auto& listener : listeners_) {
    const ListenerEntry& entry = entry_of(*listener);
    const bool is_http = listener->options().protocol == transport::Protocol::http;
    if (is_http && !entry.configured.mosquitto_api) return entry.realm;
  }
  return nullptr;
}

std::vector<int> ListenerSet::sockets() const {
  std::vector<int> sockets;
  for (const auto& each : listeners_) {
    if (each->adopted()) continue;
    sockets.insert(sockets.end(), each->sockets().begin(), each->sockets().end());
  }
  return sockets;
}

void ListenerSet::say_where(const Listener& listener) const {
  const ListenerOptions& options = listener.options();
  const std::string_view protocol = options.protocol == transport::Protocol::websockets
                                        ? "websockets "
                                    : options.protocol == transport::Protocol::http ? "http "
                                                                                    : "";
  if (!options.unix_socket_path.empty()) {
    log_.write_event(LogType::information, {.event = broker::Event::listener_opened},
                     concat({"Opening ", protocol, "unix listen socket on path ",
                             options.unix_socket_path, "."}));
    return;
  }
  const std::string port = std::to_string(listener.port());
  if (!protocol.empty()) {
    log_.write_event(LogType::information, {.event = broker::Event::listener_opened},
                     concat({"Opening ", protocol, "listen socket on port ", port, "."}));
    return;
  }
  for (const int socket : listener.sockets()) {
    log_.write_event(LogType::information, {.event = broker::Event::listener_opened},
                     concat({"Opening ", transport::is_ipv6(socket) ? "ipv6" : "ipv4",
                             " listen socket on port ", port, "."}));
  }
}

void ListenerSet::say_resting(const Listener& listener) const {
  log_.write_event(
      LogType::notice, {.event = broker::Event::configuration_warning},
      concat({"systemd keeps the socket of ", listener.name(),
              " open, whose listener is gone: who connects there waits until it is back. "
              "To close it, take it out of the .socket unit and restart."}));
}

}  // namespace server
