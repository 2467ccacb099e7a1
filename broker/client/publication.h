// broker/client/publication.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/client/event.h"
#include "broker/core/ids.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"
#include "broker/wire/publish.h"

namespace client {

/// A message for the server.
///
/// Lifetime   Views of the caller's, needed for the length of the call.
struct Publication {
  std::string_view topic;  // a topic name
  mqtt::Bytes payload{};
  mqtt::Bytes properties{};  // as mqtt::forwarded_properties() makes them; not sent before 5.0
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::optional<std::uint32_t> message_expiry_interval_seconds{};
  /// QoS 1 and 2: the identifier to use; 0: the client takes one that is free. A caller that stores
  /// messages under identifiers of its own names them here, and has no second table to store.
  mqtt::PacketId packet_id{0};
  /// With an identifier of the caller's: it may have been sent before [MQTT-3.3.1-1].
  bool dup = false;
};

/// A publication that the client holds until it is acknowledged.
///
/// Shape      Topic, properties and payload in one run of bytes.
class KeptPublication {
 public:
  KeptPublication() = default;
  KeptPublication(const Publication& publication, Instant now);

  /// For a retransmission at `now`: its expiry is less by the time that has passed, and at least 1.
  /// Lifetime  Views into this.
  [[nodiscard]] Publication view(Instant now) const noexcept;
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_.size(); }
  /// Gives the memory back: after PUBREC the message is the server's.
  void reset() noexcept { bytes_.reset(); }

 private:
  mqtt::ByteBuffer bytes_;
  std::size_t properties_offset_ = 0;
  std::size_t payload_offset_ = 0;
  Instant accepted_;
  std::optional<std::uint32_t> expiry_seconds_;
  mqtt::Qos qos_ = mqtt::Qos::at_most_once;
  bool retain_ = false;
};

}  // namespace client
