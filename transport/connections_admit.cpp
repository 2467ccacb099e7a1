// Who may come in: the part of Connections that counts, refuses and says so.
//
// What a refusal costs decides how polite it is. A banned address is closed at once, before any of
// its bytes is read: it has had its answers. Others get the protocol's own answer, a WebSocket
// client at once and without its request being read, an MQTT client when its CONNECT is there,
// whose version the answer needs; but only so many at a time, and not for long: a flood is closed
// at once. With TLS the answer takes a handshake, which costs more than all that a limit is to
// save: there only a few clients a second are told.

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "transport/connections.h"
#include "transport/loop.h"

namespace transport {

namespace {

constexpr std::size_t turned_away_max = 256;              // at a time
constexpr std::int64_t turned_away_milliseconds = 5'000;  // for their handshake and CONNECT
constexpr broker::TokenBucket::Size told_inside_tls{.per_second = 20, .burst = 20};

using broker::Refusal;

broker::TokenBucket::Size size_of(std::uint32_t per_second, std::uint32_t burst) noexcept {
  return {per_second, burst != 0 ? burst : per_second};
}

mqtt::Reason reason_of(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::connections_per_address:
      return mqtt::Reason::quota_exceeded;
    case Refusal::connection_rate:
    case Refusal::connection_rate_per_address:
      return mqtt::Reason::connection_rate_exceeded;
    case Refusal::banned:
      return mqtt::Reason::banned;
    default:
      return mqtt::Reason::server_busy;
  }
}

std::string_view describe(Refusal refusal) noexcept {
  switch (refusal) {
    case Refusal::max_connections:
      return "max_connections exceeded";
    case Refusal::global_max_connections:
      return "global_max_connections exceeded";
    case Refusal::connections_per_address:
      return "max_connections_per_address exceeded";
    case Refusal::connection_rate:
      return "max_connection_rate exceeded";
    case Refusal::connection_rate_per_address:
      return "max_connection_rate_per_address exceeded";
    default:
      return "its address is banned after failed logins";
  }
}

/// 429: the client's own address is too busy; 503: all together are too many.
HttpRefusal http_answer(Refusal refusal) {
  switch (refusal) {
    case Refusal::connections_per_address:
      return {429, "There are too many connections from your address.", "Retry-After: 5\r\n"};
    case Refusal::connection_rate_per_address:
      return {429, "Connections from your address come too fast.", "Retry-After: 1\r\n"};
    case Refusal::connection_rate:
      return {503, "Connections come too fast.", "Retry-After: 1\r\n"};
    default:
      return {503, "The broker has no room for more connections.", "Retry-After: 5\r\n"};
  }
}

}  // namespace

bool Connections::enter(Connection& connection) {
  Refusal refusal = Refusal::max_connections;
  if (connection.listener->connections().enter()) {
    connection.counted = loop_.count().enter();
    if (connection.counted) return true;
    connection.listener->connections().leave();
    refusal = Refusal::global_max_connections;
  }
  turn_away(connection, refusal);
  return false;
}

bool Connections::admit(Connection& connection) {
  const auto refusal = refusal_of(connection);
  if (!refusal) return true;
  turn_away(connection, *refusal);
  return false;
}

/// What speaks against a client, if anything does. Its own address comes first: who is refused for
/// that takes nothing of what others may use.
std::optional<Refusal> Connections::refusal_of(Connection& connection) {
  const ListenerOptions& listener = connection.listener->options();
  const AdmissionOptions& limits = listener.admission;
  const bool bans = loop_.options().logins.failures_max != 0;
  if (!limits.is_on() && !bans) return std::nullopt;
  AddressTable& addresses = loop_.addresses();
  if (const auto prefix = prefix_of(connection.address)) {
    if (bans && addresses.is_banned({*prefix}, loop_.now())) return Refusal::banned;
    const AddressKey key{*prefix, listener.index};
    const ConnectionBounds bounds{limits.connections_per_address_max,
                                  size_of(limits.rate_per_address, limits.burst_per_address)};
    if (limits.is_by_address()) {
      switch (addresses.enter(key, bounds, loop_.now())) {
        case AddressTable::Answer::admitted:
          connection.charge = std::make_unique<AddressKey>(key);
          break;
        case AddressTable::Answer::too_many:
          return Refusal::connections_per_address;
        case AddressTable::Answer::too_fast:
          return Refusal::connection_rate_per_address;
      }
    }
  }
  const bool in_time =
      limits.rate == 0 || addresses.take({AddressPrefix(), listener.index},
                                         size_of(limits.rate, limits.burst), loop_.now());
  return in_time ? std::nullopt : std::optional(Refusal::connection_rate);
}

void Connections::count_addresses(std::span<const std::shared_ptr<Listener>> listeners) {
  std::set<std::uint16_t> counted;
  for (const auto& each : listeners) {
    if (each->options().admission.is_by_address()) counted.insert(each->options().index);
  }
  if (counted.empty()) return;
  table_.each([&](Connection& connection) {
    if (connection.phase != Phase::open || !connection.counted || connection.charge != nullptr) {
      return;
    }
    // The listener by which it came in may have a successor; the number is the same.
    const std::uint16_t listener = connection.listener->options().index;
    const auto prefix = prefix_of(connection.address);
    if (!prefix || !counted.contains(listener)) return;
    const AddressKey key{*prefix, listener};
    static_cast<void>(loop_.addresses().enter(key, {}, loop_.now()));  // nothing bounds that
    connection.charge = std::make_unique<AddressKey>(key);
  });
}

/// By what a client is counted; nothing: it is exempt.
std::optional<AddressPrefix> Connections::prefix_of(const PeerAddress& address) const {
  if (address.is_unix()) return std::nullopt;
  const LoopOptions& options = loop_.options();
  if (options.limits_exempt.contains(address)) return std::nullopt;
  return AddressPrefix(address, options.address_prefix_ipv6_bits);
}

void Connections::turn_away(Connection& connection, Refusal refusal) {
  note_refusal(connection, refusal, "Client connection from ",
               " denied: " + std::string(describe(refusal)) + ".");
  leave(connection);
  const ListenerOptions& options = connection.listener->options();
  // What comes before its CONNECT, or before TLS, would be taken for it.
  const bool tls_due = options.tls && connection.tls == nullptr;
  const bool header_due = (options.protocol == Protocol::mqtt || tls_due) &&
                          options.proxy_protocol != ProxyVersion::none &&
                          connection.proxy == nullptr;
  const bool polite = !header_due && refusal != Refusal::banned && turned_away_ < turned_away_max &&
                      (!tls_due || told_inside_tls_.take(1, told_inside_tls, loop_.now()));
  if (!polite) return destroy(connection);
  connection.turned_away = true;
  ++turned_away_;
  if (uv_is_active(&connection.handle.any) == 0) listen_to(connection);
  if (connection.phase == Phase::closed) return;
  connection.deadline = broker::after_milliseconds(loop_.now(), turned_away_milliseconds);
  if (!tls_due) return tell_refusal(connection, refusal);
  connection.phase = Phase::handshake;
  refusals_due_.emplace(connection.id, refusal);
  refusals_.push(connection.id, connection.deadline);
}

void Connections::tell_refusal(Connection& connection, Refusal refusal) {
  if (connection.listener->options().protocol == Protocol::mqtt) {
    return introduce(connection, reason_of(refusal));
  }
  connection.phase = Phase::closing;
  connection.failed = true;
  send(connection, encode(http_answer(refusal)));
  finish(connection);
}

void Connections::leave(Connection& connection) {
  end_handshake(connection);
  if (std::exchange(connection.turned_away, false)) {
    --turned_away_;
    refusals_due_.erase(connection.id);
  }
  if (connection.charge != nullptr) {
    loop_.addresses().leave(*connection.charge);
    connection.charge.reset();
  }
  if (!std::exchange(connection.counted, false)) return;
  connection.listener->connections().leave();
  loop_.count().leave();
}

// Failed logins.

std::optional<AddressKey> Connections::login_key(broker::ConnectionId id) {
  if (loop_.options().logins.failures_max == 0) return std::nullopt;
  const Connection* const connection = table_.find(id);
  if (connection == nullptr) return std::nullopt;
  const auto prefix = prefix_of(connection->address);
  return prefix ? std::optional(AddressKey{*prefix}) : std::nullopt;
}

bool Connections::is_banned(const AddressKey& key) {
  if (!loop_.addresses().is_banned(key, loop_.now())) return false;
  loop_.shard().refused(Refusal::banned);
  return true;
}

void Connections::count_failed_login(const AddressKey& key) {
  const LoginBounds& bounds = loop_.options().logins;
  if (!loop_.addresses().fail(key, bounds, loop_.now())) return;
  const auto held_back = ban_lines_.admit(loop_.now());
  if (!held_back) return;
  std::string line = "Address " + key.prefix.text() + " is banned for " +
                     std::to_string(bounds.ban_seconds) +
                     " seconds: " + std::to_string(bounds.failures_max) + " failed logins within " +
                     std::to_string(bounds.time_seconds) + " seconds.";
  if (*held_back > 0) line += " And " + std::to_string(*held_back) + " more.";
  loop_.log().write(broker::LogType::warning, line);
}

// The log.

// TLS handshakes fail for reasons that their lines tell apart.
Connections::RefusalLines::RefusalLines() {
  constexpr std::uint32_t tls_lines_per_second = 20;
  at(static_cast<std::size_t>(Refusal::tls_handshake)) = broker::LineRate(tls_lines_per_second);
}

void Connections::note_refusal(const Connection& connection, Refusal refusal,
                               std::string_view before, std::string_view after) {
  loop_.shard().refused(refusal);
  if (refusal_lines_[static_cast<std::size_t>(refusal)].admit(loop_.now()).has_value()) {
    note(connection, before, after);
  }
}

/// What was held back is summed up when its second is over, also if nothing else happens.
void Connections::tell_held_back() {
  line_rates_.tell_held_back(loop_.log(), loop_.now());
  for (std::size_t i = 0; i < refusal_lines_.size(); ++i) {
    const std::uint64_t count = refusal_lines_[i].overdue(loop_.now());
    if (count == 0) continue;
    loop_.log().write(broker::LogType::notice, std::to_string(count) +
                                                   " more connections were refused or closed: " +
                                                   std::string(broker::refusal_names[i]) + ".");
  }
}

}  // namespace transport
