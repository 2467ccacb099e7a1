#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "broker/core/connection.h"
#include "broker/core/log.h"
#include "broker/core/outbox.h"
#include "broker/wire/ack.h"
#include "broker/wire/framer.h"
#include "broker/wire/publish.h"
#include "test/core/stream.h"

namespace test {

class Silence final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

/// A packet in words: "t=payload", with QoS and identifier "t=payload/1#7", DUP "+", an alias "@3";
/// "PUBREL#7".
inline std::string describe(const mqtt::Frame& frame, mqtt::Version version) {
  if (frame.type != mqtt::PacketType::publish) {
    const auto ack = mqtt::decode_ack(frame, version);
    return std::string(mqtt::name_of(frame.type)) + "#" +
           std::to_string(ack ? static_cast<int>(ack->packet_id) : -1);
  }
  const auto packet = mqtt::decode_publish(frame, version, mqtt::Side::server);
  if (!packet) return "malformed";
  std::string text(packet->topic);
  if (packet->topic_alias != 0) text += "@" + std::to_string(packet->topic_alias);
  text += "=" + std::string(mqtt::as_text(
                    packet->payload.first(std::min<std::size_t>(packet->payload.size(), 10))));
  if (packet->qos == mqtt::Qos::at_most_once) return text;
  text += "/" + std::to_string(static_cast<int>(packet->qos));
  text += "#" + std::to_string(static_cast<int>(packet->packet_id));
  return packet->dup ? text + "+" : text;
}

/// Takes all output; returns the packets for a connection, a blank behind each.
inline std::string take_sent(broker::Outbox& outbox, const broker::Connection& connection) {
  std::string text;
  outbox.drain_output([&](broker::ConnectionId id, broker::Output& output) {
    if (!(id == connection.id)) return;
    const std::string stream = stream_of(output);
    mqtt::Bytes left = mqtt::as_bytes(stream);
    while (!left.empty()) {
      const auto frame = mqtt::next_frame(left, left.size(), connection.version);
      if (!frame || !*frame) {
        text += "broken ";
        return;
      }
      text += describe(**frame, connection.version) + " ";
      left = left.subspan((*frame)->size_bytes);
    }
  });
  return text;
}

}  // namespace test
