// Admission: the part of Connections that refuses clients and answers them. A WebSocket client is
// answered at once, without its request being read, an MQTT client after its CONNECT, because the
// answer needs its version; neither waits for long.

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "transport/connections.h"
#include "transport/loop.h"

namespace transport {

namespace {

constexpr std::int64_t turned_away_milliseconds = 5'000;  // for their handshake and CONNECT

using broker::Refusal;

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
  const auto refusal = admission_.enter(connection.charge, connection.listener->connections());
  if (refusal) turn_away(connection, *refusal);
  return !refusal;
}

bool Connections::admit(Connection& connection) {
  const auto refusal = admission_.admit(connection.charge, connection.listener->options(),
                                        connection.address, loop_.now());
  if (refusal) turn_away(connection, *refusal);
  return !refusal;
}

void Connections::count_addresses(std::span<const std::shared_ptr<Listener>> listeners) {
  std::set<std::uint16_t> counted;
  for (const auto& each : listeners) {
    if (each->options().admission.is_by_address()) counted.insert(each->options().index);
  }
  if (counted.empty()) return;
  table_.each([&](Connection& connection) {
    // The listener by which it came in may have a successor; the number is the same.
    const ListenerOptions& listener = connection.listener->options();
    if (!is_open(connection.state) || !counted.contains(listener.index)) return;
    admission_.count_address(connection.charge, listener, connection.address, loop_.now());
  });
}

void Connections::count_login_bytes(Connection& connection, std::size_t bytes) {
  if (admission_.keep_login_bytes(connection.charge, connection.address, bytes, loop_.now()))
    return;
  note_refusal(connection, Refusal::login_bytes_per_address, "Connection from ",
               " closed: the connections of its address keep as much before their logins as "
               "max_login_bytes_per_address allows.");
  lose(connection, broker::CloseCause::protocol_error);
}

void Connections::turn_away(Connection& connection, Refusal refusal) {
  note_refusal(connection, refusal, "Client connection from ",
               " denied: " + std::string(describe(refusal)) + ".");
  const ListenerOptions& options = connection.listener->options();
  // An answer before the PROXY header or before TLS would be taken for a part of it.
  const bool tls_due = options.tls && connection.tls == nullptr;
  const bool header_due = (options.protocol == Protocol::mqtt || tls_due) &&
                          options.proxy_protocol != ProxyVersion::none &&
                          connection.proxy == nullptr;
  if (header_due || !admission_.turn_away(connection.charge, connection.listener->connections(),
                                          refusal, tls_due, loop_.now())) {
    return destroy(connection);
  }
  if (!is_reading(connection)) listen_to(connection);
  if (connection.state == State::closed) return;
  connection.deadline = broker::after_milliseconds(loop_.now(), turned_away_milliseconds);
  if (!tls_due) return tell_refusal(connection, refusal);
  change(connection, State::tls_due);
  refusals_.push(connection.id, connection.deadline);
}

void Connections::tell_refusal(Connection& connection, Refusal refusal) {
  if (connection.listener->options().protocol == Protocol::mqtt) {
    return introduce(connection, reason_of(refusal));
  }
  change(connection, State::rejected);
  send(connection, encode(http_answer(refusal)));
  finish(connection);
}

// Failed logins.

std::optional<AddressKey> Connections::login_key(broker::ConnectionId id) {
  const Connection* const connection = table_.find(id);
  return connection != nullptr ? admission_.login_key(connection->address) : std::nullopt;
}

bool Connections::is_banned(const AddressKey& key) {
  if (!admission_.is_banned(key, loop_.now())) return false;
  loop_.shard().refused(Refusal::banned);
  return true;
}

void Connections::count_failed_login(const AddressKey& key) {
  if (!admission_.count_failed_login(key, loop_.now())) return;
  lines_.banned(key, loop_.options().logins, loop_.now());
}

void Connections::note_refusal(const Connection& connection, Refusal refusal,
                               std::string_view before, std::string_view after) {
  loop_.shard().refused(refusal);
  lines_.refused(connection, refusal, before, after, loop_.now());
}

}  // namespace transport
