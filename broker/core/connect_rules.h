// broker/core/connect_rules.h
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/limits.h"
#include "broker/wire/bytes.h"
#include "broker/wire/connack.h"
#include "broker/wire/connect.h"

namespace broker {

/// The rules of the configuration for a CONNECT: whether it may come in, under which name, and on
/// which terms.
///
/// Shape      Nothing is kept and nothing is looked up: the same CONNECT is answered alike until a
///            reload changes limits or listeners.
/// Lifetime   Limits and listeners outlive the object.
/// Threads    None.
class ConnectRules {
 public:
  ConnectRules(const Limits& limits, const std::vector<ListenerPolicy>& listeners)
      : limits_(limits), listeners_(listeners) {}

  /// Largest packet that is taken before a client is let in.
  [[nodiscard]] std::uint32_t packet_bytes_max() const noexcept;
  /// Sets the user name that TLS has proved, where the listener takes it from there: user name and
  /// password of the packet do not count then.
  void identify(const Connection& connection, mqtt::Connect& packet) const;
  /// The client identifier that a CONNECT results in; empty if one is still to be assigned.
  [[nodiscard]] std::string_view client_id_of(const Connection& connection,
                                              const mqtt::Connect& packet) const;
  /// Whether the client is to be given an identifier.
  [[nodiscard]] bool wants_client_id(const Connection& connection,
                                     const mqtt::Connect& packet) const;
  /// Why a CONNECT is refused; nothing if it may come in.
  ///
  /// Requires  identify() has been called for the packet.
  [[nodiscard]] std::optional<mqtt::Failure> check(const Connection& connection,
                                                   const mqtt::Connect& packet) const;
  /// The reason of check() for the log: with the values and options that decide.
  [[nodiscard]] std::string explain(const mqtt::Connect& packet,
                                    const mqtt::Failure& failure) const;

  /// The keep alive that holds for the client, in seconds; 0: none.
  [[nodiscard]] std::uint16_t keep_alive_of(const Connection& connection,
                                            const mqtt::Connect& packet) const;
  /// The session expiry interval that holds, in seconds; before 5.0 the one that Clean Session
  /// stands for.
  [[nodiscard]] std::uint32_t expiry_interval_of(const Connection& connection,
                                                 const mqtt::Connect& packet) const;
  /// A session expiry interval within persistent_client_expiration.
  [[nodiscard]] std::uint32_t capped_expiry(std::uint32_t seconds) const;
  /// CONNACK of success, but for Session Present.
  ///
  /// Lifetime  Points to the identifier that client_id_of() returns.
  [[nodiscard]] mqtt::Connack connack_for(const Connection& connection,
                                          const mqtt::Connect& packet) const;

 private:
  [[nodiscard]] const ListenerPolicy& policy(const Connection& connection) const {
    assert(connection.listener < listeners_.size());
    return listeners_[connection.listener];
  }
  [[nodiscard]] std::optional<mqtt::Failure> check_client_id(const Connection& connection,
                                                             const mqtt::Connect& packet) const;
  [[nodiscard]] std::optional<mqtt::Failure> check_will(const Connection& connection,
                                                        const mqtt::Connect& packet) const;
  [[nodiscard]] bool is_keep_alive_refused(const mqtt::Connect& packet) const;

  const Limits& limits_;
  const std::vector<ListenerPolicy>& listeners_;
};

}  // namespace broker
