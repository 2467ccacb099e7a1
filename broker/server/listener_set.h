// broker/server/listener_set.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/limits.h"
#include "broker/core/log.h"
#include "broker/server/activated_sockets.h"
#include "broker/server/component_options.h"
#include "broker/server/http/desk.h"
#include "transport/listener.h"
#include "transport/tls_context.h"

namespace auth {
class Realm;
}

namespace server {

/// "1883", "127.0.0.1:1883", "1883 (loopback only)" or "/run/mqtt.sock".
[[nodiscard]] std::string name_of(const transport::ListenerOptions& options);

/// One place where clients come in or came in, and all that holds for its connections and sessions.
///
/// Invariant  `configured.options.index` is its number, once it has one; its policy then has the
///            port that is bound.
struct ListenerEntry {
  ListenerComponentOptions configured;
  std::shared_ptr<const auth::Realm> realm;          // null: no client may log in
  std::shared_ptr<const transport::TlsContext> tls;  // null: no TLS, or nothing is open there
};

/// By listener, in the order of the settings; null for one without TLS.
using TlsContexts = std::vector<std::shared_ptr<const transport::TlsContext>>;

/// Entries in the order of the configured; `realms` and `contexts` are in that order.
[[nodiscard]] std::vector<ListenerEntry> entries_of(
    std::vector<ListenerComponentOptions> configured,
    std::vector<std::shared_ptr<const auth::Realm>> realms, TlsContexts contexts);
[[nodiscard]] std::vector<std::shared_ptr<const auth::Realm>> realms_of(
    const std::vector<ListenerEntry>& entries);
/// The number of the broker's own bridges.
///
/// Requires  Entries of a ListenerSet after its first stage.
[[nodiscard]] std::uint16_t number_of_bridges(const std::vector<ListenerEntry>& entries);
/// For log lines: name_of(), by number.
[[nodiscard]] std::map<std::uint16_t, std::string> names_of(
    const std::vector<std::shared_ptr<transport::Listener>>& listeners);
[[nodiscard]] std::vector<broker::ListenerPolicy> policies_of(
    const std::vector<ListenerEntry>& entries);

/// The listeners that are open, and the numbers by which all others know them.
///
/// Shape      Two sets of options mean the same listener if they are bound to the same place: see
///            transport::same_place(). A place keeps its number for as long as the process lives,
///            also while no listener is there, as connections and sessions may name it; so a number
///            is an index for ever. At most 65,536 places can have one. A place without a listener
///            keeps its entry, too. So do the broker's own bridges, which need a number but no
///            place: it is the next one after the first listeners.
///            Sockets that systemd opened stay when their listener goes, as they would stay open
///            there: clients wait in their queue, and a listener that returns has them again.
/// Order      stage() opens new places and changes nothing; then the loops take over its result;
///            then commit() closes the old ones. Dropping the Staged undoes it.
/// Threads    The main thread.
class ListenerSet {
 public:
  using Listeners = std::vector<std::shared_ptr<transport::Listener>>;

  /// The next listeners, in the order of the settings.
  struct Staged {
    Listeners listeners;
    std::vector<std::string> added;      // names
    std::vector<std::string> removed;    // names
    std::vector<ListenerEntry> entries;  // by number

    /// Whether a listener of that number will be open.
    [[nodiscard]] bool opens(std::size_t number) const;
  };

  /// `desk` is where an http_listener asks; without it there is none.
  explicit ListenerSet(broker::Log& log, std::shared_ptr<Desk> desk = nullptr)
      : log_(log), desk_(std::move(desk)) {}

  /// Opens the places that are not open. A port that moves, say from 127.0.0.1 to all addresses, is
  /// bound beside the socket that commit() closes.
  ///
  /// `passed`: sockets that listen already, for the first of all stages; null: there are none.
  ///
  /// Errors    One sentence: why a place cannot be bound.
  [[nodiscard]] std::expected<Staged, std::string> stage(std::vector<ListenerEntry> wanted,
                                                         ActivatedSockets* passed = nullptr) const;
  /// Takes over the staged listeners and closes old ones without a place or with a successor.
  /// Handshakes from now on use the contexts of the staged entries; connections stay as they are.
  ///
  /// Requires  No loop accepts from anything else.
  void commit(Staged staged);

  /// Puts other contexts in force, in the order of listeners().
  void renew_tls(TlsContexts contexts);

  /// Those that are open, in the order of the settings.
  [[nodiscard]] const Listeners& listeners() const noexcept { return listeners_; }
  /// The entry of one that is open.
  [[nodiscard]] const ListenerEntry& entry_of(const transport::Listener& listener) const {
    assert(listener.options().index < entries_.size());
    return entries_[listener.options().index];
  }
  /// The users of admin_file: the realm that all open http_listeners share. Null: there is none.
  [[nodiscard]] std::shared_ptr<const auth::Realm> realm_of_admins() const;
  /// All that have or had a listener, by number.
  [[nodiscard]] const std::vector<ListenerEntry>& entries() const noexcept { return entries_; }
  /// The sockets that were bound here: for the user that the broker becomes.
  [[nodiscard]] std::vector<int> sockets() const;

 private:
  [[nodiscard]] static std::shared_ptr<transport::Listener> find(
      const Listeners& listeners, const transport::ListenerOptions& place);
  [[nodiscard]] std::expected<std::shared_ptr<transport::Listener>, std::string> open(
      const transport::ListenerOptions& options, const Listeners& leaving,
      ActivatedSockets* passed) const;
  [[nodiscard]] static std::expected<std::shared_ptr<transport::Listener>, std::string> take_over(
      const transport::Listener& old, const transport::ListenerOptions& options);
  void end(const std::shared_ptr<transport::Listener>& old);
  void change_file(const transport::ListenerOptions& before,
                   const transport::Listener& listener) const;
  void say_where(const transport::Listener& listener) const;
  void say_resting(const transport::Listener& listener) const;

  broker::Log& log_;
  std::shared_ptr<Desk> desk_;
  Listeners listeners_;
  Listeners resting_;                   // removed, with sockets of systemd; no loop accepts there
  std::vector<ListenerEntry> entries_;  // by number
};

}  // namespace server
