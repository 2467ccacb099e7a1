#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/cursor.h"
#include "broker/wire/framer.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"

namespace bench {

/// Appends a SUBSCRIBE to all of `filters` with one QoS.
void write_subscribe(mqtt::ByteBuffer& out, mqtt::PacketId id, std::span<const std::string> filters,
                     mqtt::Qos qos, mqtt::Version version);

// The packets of the hot path are put where they are sent from, without a buffer between. They are
// not those of client::Client, which checks, keeps and tells of each message: it takes 79 ns to
// receive one with QoS 0 and 93 with QoS 1 where this takes 3, and 18 and 102 ns to send one where
// this takes 3 and 6: too much beside a broker whose own share of a message is not larger.
// Everything else about packets is the codec's (broker/wire).

inline constexpr std::size_t short_packet_bytes = 2;  // DISCONNECT and PINGREQ
inline void put_short_packet(std::byte* place, mqtt::PacketType type) noexcept {
  place[0] = static_cast<std::byte>(static_cast<unsigned>(type) << 4U);
  place[1] = std::byte{0};
}

inline constexpr std::size_t ack_bytes = 4;
inline void put_ack(std::byte* place, mqtt::PacketType type, mqtt::PacketId id) noexcept {
  const unsigned flags = type == mqtt::PacketType::pubrel ? 2U : 0U;
  place[0] = static_cast<std::byte>(static_cast<unsigned>(type) << 4U | flags);
  place[1] = std::byte{2};
  mqtt::put_two_byte_integer(place + 2, static_cast<std::uint16_t>(id));
}

/// The first bytes of every message, so that each can be told from all others.
///
/// Shape      [publisher:4][sequence:4][stamp:8], in the machine's own byte order.
struct Mark {
  std::uint32_t publisher = 0;
  std::uint32_t sequence = 0;
  std::int64_t stamp = 0;  // when the message was due, where that is asked for
};
inline constexpr std::size_t mark_bytes = sizeof(Mark);

/// A PUBLISH that came, as far as it matters here.
struct Arrival {
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  mqtt::PacketId packet_id{0};
  std::size_t payload_bytes = 0;
  Mark mark;
};

/// Reads a PUBLISH without the checks of mqtt::decode_publish().
///
/// Returns   Nothing if its parts do not fit, or it is too short for a Mark.
[[nodiscard]] inline std::optional<Arrival> read_arrival(const mqtt::Frame& frame,
                                                         mqtt::Version version) {
  Arrival arrival;
  arrival.qos = static_cast<mqtt::Qos>(frame.flags >> 1U & 3U);
  arrival.retain = (frame.flags & 1U) != 0;
  mqtt::Cursor cursor(frame.body);
  if (!cursor.binary()) return std::nullopt;
  if (arrival.qos != mqtt::Qos::at_most_once) {
    const auto id = cursor.two_byte_integer();
    if (!id) return std::nullopt;
    arrival.packet_id = static_cast<mqtt::PacketId>(*id);
  }
  if (version == mqtt::Version::v5_0 && !mqtt::take_property_block(cursor)) return std::nullopt;
  arrival.payload_bytes = cursor.rest().size();
  if (arrival.payload_bytes < mark_bytes) return std::nullopt;
  std::memcpy(&arrival.mark, cursor.rest().data(), mark_bytes);
  return arrival;
}

/// A PUBLISH that is made once and sent many times with another Mark and packet identifier.
class PublishTemplate {
 public:
  /// Requires  `payload_bytes` is at least mark_bytes.
  PublishTemplate(std::string_view topic, std::size_t payload_bytes, mqtt::Qos qos, bool retain,
                  mqtt::Version version);

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  /// Writes size() bytes. Requires a packet identifier for QoS 1 and 2.
  void put(std::byte* place, mqtt::PacketId id, const Mark& mark) const noexcept {
    assert(packet_id_offset_ == 0 || id != mqtt::PacketId{0});
    std::memcpy(place, bytes_.data(), bytes_.size());
    if (packet_id_offset_ > 0) {
      mqtt::put_two_byte_integer(place + packet_id_offset_, static_cast<std::uint16_t>(id));
    }
    std::memcpy(place + payload_offset_, &mark, mark_bytes);
  }

 private:
  mqtt::ByteBuffer bytes_;
  std::size_t packet_id_offset_ = 0;  // 0 for QoS 0
  std::size_t payload_offset_ = 0;
};

}  // namespace bench
