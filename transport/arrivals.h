// transport/arrivals.h
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/refusals.h"
#include "transport/address_table.h"
#include "transport/admission.h"
#include "transport/connection.h"
#include "transport/connection_count.h"
#include "transport/deadlines.h"
#include "transport/listener.h"

namespace transport {

class Connections;
class Loop;

/// The arrival of clients at one loop: learns their real address, from the socket, from a PROXY
/// protocol header or from the header fields of a proxy for WebSockets, and refuses those that
/// exceed a limit.
///
/// Shape      is_trusted_peer() -> enter() -> read(), if a PROXY header comes first ->
///            apply_forwarded(), if the request names the client -> address_known() ... leave().
///            A client that is turned away is answered: on a WebSocket at once, without its request
///            being read; in MQTT after its CONNECT, because the answer needs its version.
/// Lifetime   A part of Connections, which outlives it.
/// Threads    Its loop's only.
class Arrivals {
 public:
  Arrivals(Loop& loop, Connections& connections);
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  /// Whether a listener with PROXY protocol takes the word of that peer.
  [[nodiscard]] bool is_trusted_peer(const Connection& connection);
  /// Counts a connection for the limits of the listener and the broker, or turns it away.
  [[nodiscard]] bool enter(Connection& connection);
  /// Takes the bytes of a PROXY protocol header. Returns those behind it; all of them if the
  /// connection is not in this stage.
  [[nodiscard]] std::span<std::byte> read(Connection& connection, std::span<std::byte> bytes);
  /// Whether the client's address stands in the HTTP request that is to come.
  [[nodiscard]] static bool expects_forwarded_header(const Connection& connection);
  /// Takes the client's address out of a request that a trusted proxy sent. Returns false if it was
  /// turned away.
  [[nodiscard]] bool apply_forwarded(Connection& connection);
  /// The real address is known, as far as it ever will be: once for each connection, before the
  /// shard hears of it. `route` names the proxy in between. Returns false if the limits by address,
  /// of number and of rate, turned it away.
  [[nodiscard]] bool address_known(Connection& connection, std::string_view route = {});
  /// Says to a client that was turned away why, in the protocol of its listener.
  void tell_refusal(Connection& connection, broker::Refusal refusal);
  /// Gives back the place of a connection; does nothing the second time.
  void leave(ConnectionCharge& charge, ConnectionCount& of_listener) {
    admission_.leave(charge, of_listener);
  }

  /// Counts `bytes` kept of a connection that waits for its login. Closes it if its address has too
  /// many.
  void count_login_bytes(Connection& connection, std::size_t bytes);
  /// Counts connections from before a limit by address; `listeners` are the current ones, with the
  /// limit.
  void count_addresses(std::span<const std::shared_ptr<Listener>> listeners);

  /// The key that counts a failed login of a connection; nothing: it does not count.
  [[nodiscard]] std::optional<AddressKey> login_key(broker::ConnectionId id);
  /// Counts the refusal if so.
  [[nodiscard]] bool is_banned(const AddressKey& key);
  void count_failed_login(const AddressKey& key);

  /// Counts a refusal, and writes a line, but of each kind only so many a second.
  void note_refusal(const Connection& connection, broker::Refusal refusal, std::string_view before,
                    std::string_view after);

  /// Calls `visit` with the id of each client that was turned away if its time may be over; the
  /// connection's own deadline says whether it is.
  template <typename Visit>
  void expire(broker::Instant now, Visit&& visit) {
    while (const auto id = refusals_.pop(now)) visit(*id);
  }

 private:
  [[nodiscard]] bool admit(Connection& connection);
  void turn_away(Connection& connection, broker::Refusal refusal);
  void take_header(Connection& connection);
  void note_stranger(Connection& connection);

  Loop& loop_;
  Connections& connections_;
  Admission admission_;
  Deadlines refusals_;  // of clients that are turned away before their TLS handshake
};

}  // namespace transport
