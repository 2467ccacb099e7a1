#include "transport/arrivals.h"

#include <algorithm>
#include <cassert>
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

Arrivals::Arrivals(Loop& loop, Connections& connections)
    : loop_(loop),
      connections_(connections),
      admission_(loop.options(), loop.commons().addresses, loop.commons().connections) {}

bool Arrivals::enter(Connection& connection) {
  const auto refusal = admission_.enter(connection.charge, connection.listener->connections());
  if (refusal) turn_away(connection, *refusal);
  return !refusal;
}

bool Arrivals::admit(Connection& connection) {
  const auto refusal = admission_.admit(connection.charge, connection.listener->options(),
                                        connection.address, loop_.now());
  if (refusal) turn_away(connection, *refusal);
  return !refusal;
}

void Arrivals::count_addresses(std::span<const std::shared_ptr<Listener>> listeners) {
  std::set<std::uint16_t> counted;
  for (const auto& each : listeners) {
    if (each->options().admission.is_by_address()) counted.insert(each->options().index);
  }
  if (counted.empty()) return;
  connections_.table().each([&](Connection& connection) {
    // The listener by which it came in may have a successor; the number is the same.
    const ListenerOptions& listener = connection.listener->options();
    if (!is_open(connection.state) || !counted.contains(listener.index)) return;
    admission_.count_address(connection.charge, listener, connection.address, loop_.now());
  });
}

void Arrivals::count_login_bytes(Connection& connection, std::size_t bytes) {
  if (admission_.keep_login_bytes(connection.charge, connection.address, bytes, loop_.now()))
    return;
  note_refusal(connection, Refusal::login_bytes_per_address, "Connection from ",
               " closed: the connections of its address keep as much before their logins as "
               "max_login_bytes_per_address allows.");
  connections_.lose(connection, broker::CloseCause::protocol_error);
}

void Arrivals::turn_away(Connection& connection, Refusal refusal) {
  note_refusal(connection, refusal, "Client connection from ",
               " denied: " + std::string(describe(refusal)) + ".");
  const ListenerOptions& options = connection.listener->options();
  assert(!is_open(connection.state));  // its shard would have to answer
  // An answer before the PROXY header or before TLS would be taken for a part of it.
  const bool tls_due = options.tls && connection.tls == nullptr;
  const bool header_due = (options.protocol == Protocol::mqtt || tls_due) &&
                          options.proxy_protocol != ProxyVersion::none &&
                          connection.proxy == nullptr;
  if (header_due || !admission_.turn_away(connection.charge, connection.listener->connections(),
                                          refusal, tls_due, loop_.now())) {
    return connections_.destroy(connection);
  }
  if (!is_reading(connection)) connections_.reader().start(connection);
  if (connection.state == State::closed) return;
  connection.deadline = broker::after_milliseconds(loop_.now(), turned_away_milliseconds);
  if (!tls_due) return tell_refusal(connection, refusal);
  connections_.change(connection, State::tls_due);
  refusals_.push(connection.id, connection.deadline);
}

void Arrivals::tell_refusal(Connection& connection, Refusal refusal) {
  if (connection.listener->options().protocol == Protocol::mqtt) {
    return connections_.introduce(connection, reason_of(refusal));
  }
  connections_.change(connection, State::rejected);
  connections_.send(connection, encode(http_answer(refusal)));
  connections_.finish(connection);
}

// Failed logins.

std::optional<AddressKey> Arrivals::login_key(broker::ConnectionId id) {
  const Connection* const connection = connections_.find(id);
  return connection != nullptr ? admission_.login_key(connection->address) : std::nullopt;
}

bool Arrivals::is_banned(const AddressKey& key) {
  if (!admission_.is_banned(key, loop_.now())) return false;
  loop_.shard().refused(Refusal::banned);
  return true;
}

void Arrivals::count_failed_login(const AddressKey& key) {
  if (!admission_.count_failed_login(key, loop_.now())) return;
  connections_.lines().banned(key, loop_.options().logins, loop_.now());
}

void Arrivals::note_refusal(const Connection& connection, Refusal refusal, std::string_view before,
                            std::string_view after) {
  loop_.shard().refused(refusal);
  connections_.lines().refused(connection, refusal, before, after, loop_.now());
}

// The client's address.

bool Arrivals::is_trusted_peer(const Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  if (!options.only_trusted_proxies || options.trusted_proxies.contains(connection.address)) {
    return true;
  }
  connections_.note(
      connection, broker::Event::untrusted_proxy, "Connection from ",
      " on " + connection.listener->name() + " closed: it is none of the trusted_proxies.");
  return false;
}

bool Arrivals::expects_forwarded_header(const Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  return speaks_http(options.protocol) && options.trusted_proxies.contains(connection.address);
}

bool Arrivals::address_known(Connection& connection, std::string_view route) {
  if (connection.through_proxy) connections_.tracer().accepted(connection);
  if (!admit(connection)) return false;
  if (loop_.options().connection_messages && loop_.commons().log.enabled(broker::LogType::notice)) {
    connections_.note(connection, broker::Event::connection_opened, "New connection from ",
                      " on " + connection.listener->name() + std::string(route) + ".");
  }
  return true;
}

std::span<std::byte> Arrivals::read(Connection& connection, std::span<std::byte> bytes) {
  if (connection.state != State::proxy_header) return bytes;
  const auto [progress, used] = connection.proxy->read(bytes);
  switch (progress) {
    case ProxyStage::Progress::incomplete:
      return {};
    case ProxyStage::Progress::refused:
      connections_.note(connection, broker::Event::proxy_header_refused, "Connection from ",
                        " on " + connection.listener->name() +
                            " closed: PROXY protocol header: " + connection.proxy->why() + ".");
      connections_.destroy(connection);
      return {};
    case ProxyStage::Progress::complete:
      break;
  }
  take_header(connection);
  return bytes.subspan(used);
}

void Arrivals::take_header(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  const ProxyHeader& header = connection.proxy->header();
  const std::string route = " through " + connection.address.text_with_port() + " (" +
                            connection.proxy->description() + ")";
  if (header.source) connection.address = *header.source;
  connection.through_proxy = true;
  connections_.change(connection, options.tls ? State::tls_due : State::http_request);
  if (!expects_forwarded_header(connection) && !address_known(connection, route)) return;
  if (options.protocol == Protocol::mqtt && !options.tls) connections_.introduce(connection);
}

bool Arrivals::apply_forwarded(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  const HttpRequest& request = connection.opening->request();
  if (!expects_forwarded_header(connection)) {
    note_stranger(connection);
    return true;
  }
  connection.through_proxy = true;
  const FieldSet written =
      loop_.commons().proxies.always(options.index, connection.address, fields_in(request));
  const Forwarded found =
      forwarded_for(request, options.real_ip_header, options.trusted_proxies, written);
  std::string route;
  if (found.kind == Forwarded::Kind::known) {
    route = " through " + connection.address.text_with_port() + " (" + std::string(found.field);
    connection.address = found.address;
  } else if (found.kind != Forwarded::Kind::absent) {
    connections_.lines().bad_forwarded(connection, found, loop_.now());
  }
  if (const std::string_view id = request_id_of(request); !id.empty()) {
    route += (route.empty() ? " (" : ", ") + ("request id " + std::string(id));
  }
  return address_known(connection, route.empty() ? route : route + ")");
}

/// A peer that no one trusts may be a proxy all the same: its request names a client.
void Arrivals::note_stranger(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  const Forwarded found =
      forwarded_for(connection.opening->request(), options.real_ip_header, options.trusted_proxies);
  if (found.kind == Forwarded::Kind::absent) return;
  connection.through_proxy = true;
  // Behind a PROXY header the address is the client's: a field that it writes itself does not
  // count.
  if (connection.proxy != nullptr) return;
  if (!loop_.commons().proxies.is_new_stranger(options.index, connection.address)) return;
  connections_.lines().stranger(connection, found.field);
}

}  // namespace transport
