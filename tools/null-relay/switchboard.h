#pragma once

#include "broker/wire/bytes.h"
#include "tools/null-relay/packet.h"
#include "tools/null-relay/peer.h"
#include "tools/null-relay/route_table.h"
#include "tools/null-relay/turn.h"

namespace relay {

/// Answers packets, and passes each PUBLISH on.
///
/// A QoS 0 PUBLISH goes to its receivers as the bytes that came in. With QoS 1 and 2 the packet
/// identifier is the only thing that is changed; acknowledgements are answered at once and nothing
/// is remembered for them. UNSUBSCRIBE, AUTH, wills, retained messages and sessions do not exist.
class Switchboard {
 public:
  explicit Switchboard(Turn& turn) : turn_(turn) {}

  /// Executes `packet`.
  ///
  /// Returns   False if the packet is a DISCONNECT, or cannot be parsed.
  [[nodiscard]] bool handle(Peer& from, const Packet& packet);

  void forget(const Peer& peer) { routes_.forget(peer); }

 private:
  [[nodiscard]] bool on_connect(Peer& from, const Packet& packet);
  [[nodiscard]] bool on_publish(Peer& from, const Packet& packet);
  [[nodiscard]] bool on_subscribe(Peer& from, const Packet& packet);
  [[nodiscard]] bool on_ack(Peer& from, const Packet& packet, mqtt::PacketType answer);
  void acknowledge(Peer& to, mqtt::PacketType type, mqtt::Bytes packet_id);
  void forward(Peer& to, mqtt::Qos qos, const Packet& packet, std::size_t packet_id_offset);
  void forward_without_id(Peer& to, const Packet& packet, std::size_t packet_id_offset);
  void send_copy(Peer& to, mqtt::Bytes bytes);

  Turn& turn_;
  RouteTable routes_;
  mqtt::ByteBuffer answer_;  // of CONNECT and SUBSCRIBE
};

}  // namespace relay
