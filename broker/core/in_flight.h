// broker/core/in_flight.h
#pragma once

#include <cstdint>

#include "broker/core/delivery.h"

namespace broker {

/// A QoS 1 or 2 delivery that has a packet identifier.
struct InFlight {
  enum class State : std::uint8_t {
    free,    ///< acknowledged; a hole until the older ones are too
    unsent,  ///< to be sent, again if `sent_before`
    awaiting_puback,
    awaiting_pubrec,
    release_unsent,  ///< PUBREL to be sent again on a new connection [MQTT-4.4.0-1]
    awaiting_pubcomp,
  };
  Delivery delivery;
  State state = State::free;
  bool sent_before = false;

  /// Whether PUBREC has come: PUBREL, and not the message, is sent from then on.
  [[nodiscard]] bool released() const noexcept {
    return state == State::release_unsent || state == State::awaiting_pubcomp;
  }
  /// Whether it is to be sent on this connection.
  [[nodiscard]] bool to_be_sent() const noexcept {
    return state == State::unsent || state == State::release_unsent;
  }
  /// Whether it was sent on this connection and is not over: the Receive Maximum counts it.
  [[nodiscard]] bool counts() const noexcept {
    return state == State::awaiting_puback || state == State::awaiting_pubrec ||
           state == State::awaiting_pubcomp;
  }
  /// It has to be sent again, on a new connection.
  void rewind() noexcept {
    if (state == State::awaiting_pubcomp) {
      state = State::release_unsent;
    } else if (counts()) {
      state = State::unsent;
    }
  }
};

/// The packet identifier of a delivery: they run from 1 to 65535 and around; zero is none
/// [MQTT-2.2.1-3].
inline constexpr std::uint32_t packet_identifiers = 65'535;
[[nodiscard]] constexpr mqtt::PacketId packet_id_of(std::uint64_t number) noexcept {
  return static_cast<mqtt::PacketId>(number % packet_identifiers + 1U);
}
static_assert(packet_id_of(0) == mqtt::PacketId{1});
static_assert(packet_id_of(packet_identifiers - 1) == mqtt::PacketId{65'535});
static_assert(packet_id_of(packet_identifiers) == mqtt::PacketId{1});

}  // namespace broker
