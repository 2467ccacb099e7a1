#include "broker/core/client_text.h"

#include <cassert>

#include "broker/core/text.h"

namespace broker {
namespace {

/// A byte of a packet's body in decimal; a byte that is left out at the end of a packet is 0.
std::string byte_text(mqtt::Bytes body, std::size_t at) {
  return at < body.size() ? std::to_string(std::to_integer<unsigned>(body[at])) : "0";
}

/// The packet identifier at the front of a body, in decimal.
std::string packet_id_text(mqtt::Bytes body) {
  if (body.size() < 2) return "0";
  return std::to_string(std::to_integer<unsigned>(body[0]) * 256 +
                        std::to_integer<unsigned>(body[1]));
}

std::string id_and_address(const Connection& connection, std::string_view client_id) {
  return concat({cut(client_id), " [", client_address_text(connection), "]"});
}

std::string sent_details(const mqtt::Frame& sent) {
  switch (sent.type) {
    case mqtt::PacketType::connack:
      return concat({" (", byte_text(sent.body, 0), ", ", byte_text(sent.body, 1), ")"});
    case mqtt::PacketType::puback:
    case mqtt::PacketType::pubrec:
      return concat({" (m", packet_id_text(sent.body), ", rc", byte_text(sent.body, 2), ")"});
    case mqtt::PacketType::pubcomp:
      return concat({" (m", packet_id_text(sent.body), ")"});
    case mqtt::PacketType::disconnect:
      return concat({" (rc", byte_text(sent.body, 0), ")"});
    default:
      return {};
  }
}

std::string received_details(const mqtt::Frame& frame) {
  switch (frame.type) {
    case mqtt::PacketType::puback:
    case mqtt::PacketType::pubcomp:
      return concat(
          {" (Mid: ", packet_id_text(frame.body), ", RC:", byte_text(frame.body, 2), ")"});
    case mqtt::PacketType::pubrec:
    case mqtt::PacketType::pubrel:
      return concat({" (Mid: ", packet_id_text(frame.body), ")"});
    default:
      return {};
  }
}

}  // namespace

std::string_view client_id_text(const Connection& connection) noexcept {
  return connection.session != nullptr ? connection.session->client_id.view()
                                       : std::string_view("<unknown>");
}

std::string client_address_text(const Connection& connection) {
  if (connection.client_port == 0) return connection.address;
  return concat({connection.address, ":", std::to_string(connection.client_port)});
}

std::string describe_client(const Connection& connection) {
  return id_and_address(connection, client_id_text(connection));
}

std::string describe_client_with_user(const Connection& connection) {
  const bool named = connection.session != nullptr && !connection.session->user_name.empty();
  if (!named) return describe_client(connection);
  return concat(
      {describe_client(connection), " with user '", cut(connection.session->user_name), "'"});
}

std::string describe_applicant(const Connection& connection, std::string_view client_id,
                               const mqtt::Connect& packet) {
  const std::string client =
      id_and_address(connection, client_id.empty() ? "<unknown>" : client_id);
  return packet.user_name ? concat({client, " with user '", cut(*packet.user_name), "'"}) : client;
}

std::string_view version_text(mqtt::Version version) noexcept {
  switch (version) {
    case mqtt::Version::v3_1:
      return "3.1";
    case mqtt::Version::v3_1_1:
      return "3.1.1";
    case mqtt::Version::v5_0:
      return "5.0";
  }
  return "?";
}

std::string connected_line(const Connection& connection, const mqtt::Connect& packet) {
  assert(connection.session != nullptr);
  const Session& session = *connection.session;
  const std::string user =
      packet.user_name ? concat({", u'", cut(session.user_name), "'"}) : std::string();
  return concat({"New client connected from ", client_address_text(connection), " as ",
                 cut(session.client_id), " (p", std::to_string(static_cast<int>(packet.version)),
                 ", c", packet.clean_start ? "1" : "0", ", k",
                 std::to_string(connection.keep_alive_seconds), user, ")."});
}

std::vector<std::string> will_lines(const mqtt::Connect& packet) {
  if (!packet.will) return {"No will message specified."};
  const mqtt::Will& will = *packet.will;
  return {
      concat({"Will message specified (", std::to_string(will.payload.size()), " bytes) (r",
              will.retain ? "1" : "0", ", q", std::to_string(static_cast<int>(will.qos)), ")."}),
      concat({"\t", cut(will.topic)})};
}

std::string sent_line(const Connection& connection, mqtt::Bytes packet) {
  const auto frame = mqtt::next_frame(packet, packet.size());
  if (!frame || !*frame) return {};
  // CONNECT may be refused: then the address is all that is known.
  const std::string client = connection.session != nullptr ? cut(client_id_text(connection))
                                                           : std::string(connection.address);
  return concat({"Sending ", mqtt::name_of((*frame)->type), " to ", client, sent_details(**frame)});
}

std::string received_line(const Connection& connection, const mqtt::Frame& frame) {
  if (frame.type == mqtt::PacketType::connect || frame.type == mqtt::PacketType::publish) return {};
  return concat({"Received ", mqtt::name_of(frame.type), " from ", cut(client_id_text(connection)),
                 received_details(frame)});
}

}  // namespace broker
