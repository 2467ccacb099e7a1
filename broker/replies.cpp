#include "broker/replies.h"

#include <optional>

#include "broker/wire/disconnect.h"

namespace broker {

void Replies::send_disconnect(Connection& connection, mqtt::Reason reason, std::string_view why) {
  if (connection.version != mqtt::Version::v5_0) return;
  if (connection.held && connection.held->everything) return;  // CONNACK has not been sent
  // [MQTT-3.14.2-3]
  const mqtt::Disconnect packet{reason, std::nullopt,
                                may_send_reason_string(connection, why) ? why : std::string_view{}};
  send(connection, SendRule::immediate, [&](mqtt::ByteBuffer& out) {
    mqtt::encode(packet, mqtt::Version::v5_0, mqtt::Side::server, out);
  });
}

bool Replies::may_send_reason_string(const Connection& connection, std::string_view why) {
  constexpr std::size_t rest_bytes_max = 16;
  const std::uint32_t packet_bytes_max = connection.maximum_packet_size_bytes;
  const bool fits = packet_bytes_max == 0 || why.size() + rest_bytes_max <= packet_bytes_max;
  return connection.request_problem_information && fits;
}

bool Replies::may_be_sent(const Connection& connection, const mqtt::Connack& answer) {
  if (connection.maximum_packet_size_bytes == 0) return true;
  mqtt::ByteBuffer whole;
  mqtt::encode(answer, connection.version, whole);
  return whole.size() <= connection.maximum_packet_size_bytes;
}

}  // namespace broker
