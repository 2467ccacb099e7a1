#include "broker/core/client_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/wire/ack.h"
#include "broker/wire/connack.h"

// The words of these lines are Mosquitto's: log collectors look for them.

namespace {

using broker::Connection;
using broker::Session;
using Lines = std::vector<std::string>;

/// A connection from 192.0.2.1:5000, and the session that it may have.
struct Client {
  explicit Client(std::string_view id = "sensor")
      : session(broker::SessionIndex{0}, 1, id, queued), connection({}, 0) {
    connection.address = "192.0.2.1";
    connection.client_port = 5000;
  }
  void connect(std::string_view user = {}) {
    session.user_name = broker::HeapText(user);
    session.connection = &connection;
    connection.session = &session;
    connection.stage = Connection::Stage::connected;
  }

  broker::Queued queued;
  Session session;
  Connection connection;
};

mqtt::Frame frame_of(mqtt::Bytes packet) { return **mqtt::next_frame(packet, packet.size()); }

mqtt::ByteBuffer ack_bytes(mqtt::PacketType type) {
  mqtt::ByteBuffer bytes;
  mqtt::encode(mqtt::Ack{type, mqtt::PacketId{258}, mqtt::Reason::quota_exceeded, {}},
               mqtt::Version::v5_0, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("a client has no identifier in the log until CONNECT is accepted", "[client_text]") {
  Client client;
  CHECK(broker::client_id_text(client.connection) == "<unknown>");
  CHECK(broker::describe_client(client.connection) == "<unknown> [192.0.2.1:5000]");
  client.connect();
  CHECK(broker::client_id_text(client.connection) == "sensor");
  CHECK(broker::describe_client(client.connection) == "sensor [192.0.2.1:5000]");
}

TEST_CASE("a client of a unix socket has no port in the log", "[client_text]") {
  Client client;
  client.connection.address = "unix";
  client.connection.client_port = 0;
  CHECK(broker::client_address_text(client.connection) == "unix");
}

TEST_CASE("the user of a client stands in the log if there is one", "[client_text]") {
  Client client;
  client.connect();
  CHECK(broker::describe_client_with_user(client.connection) == "sensor [192.0.2.1:5000]");
  client.connect("alice");
  CHECK(broker::describe_client_with_user(client.connection) ==
        "sensor [192.0.2.1:5000] with user 'alice'");
}

TEST_CASE("an applicant is described by its CONNECT", "[client_text]") {
  const Client client;
  mqtt::Connect packet;
  CHECK(broker::describe_applicant(client.connection, {}, packet) == "<unknown> [192.0.2.1:5000]");
  packet.user_name = "alice";
  CHECK(broker::describe_applicant(client.connection, "sensor", packet) ==
        "sensor [192.0.2.1:5000] with user 'alice'");
}

TEST_CASE("texts of clients are cut in log lines", "[client_text]") {
  const std::string long_text(300, 'x');
  const std::string cut_text = std::string(200, 'x') + "...";
  Client client(long_text);
  client.connect(long_text);
  CHECK(broker::client_id_text(client.connection) == long_text);
  CHECK(broker::describe_client_with_user(client.connection) ==
        cut_text + " [192.0.2.1:5000] with user '" + cut_text + "'");
  mqtt::Connect packet;
  packet.user_name = long_text;
  CHECK(broker::describe_applicant(client.connection, long_text, packet) ==
        cut_text + " [192.0.2.1:5000] with user '" + cut_text + "'");
}

TEST_CASE("the line about a new client has what its CONNECT asked for", "[client_text]") {
  Client client;
  client.connect("alice");
  client.connection.keep_alive_seconds = 60;
  mqtt::Connect packet;
  packet.version = mqtt::Version::v5_0;
  packet.clean_start = true;
  CHECK(broker::connected_line(client.connection, packet) ==
        "New client connected from 192.0.2.1:5000 as sensor (p5, c1, k60).");
  packet.user_name = "alice";
  packet.version = mqtt::Version::v3_1_1;
  packet.clean_start = false;
  CHECK(broker::connected_line(client.connection, packet) ==
        "New client connected from 192.0.2.1:5000 as sensor (p4, c0, k60, u'alice').");
}

TEST_CASE("the lines about a will name size, flags and topic", "[client_text]") {
  mqtt::Connect packet;
  CHECK(broker::will_lines(packet) == Lines{"No will message specified."});
  packet.will = mqtt::Will{};
  packet.will->topic = "state";
  packet.will->payload = mqtt::as_bytes("gone");
  packet.will->qos = mqtt::Qos::at_least_once;
  packet.will->retain = true;
  CHECK(broker::will_lines(packet) ==
        Lines{"Will message specified (4 bytes) (r1, q1).", "\tstate"});
}

TEST_CASE("lines about packets have identifier and reason code", "[client_text]") {
  using mqtt::PacketType;
  Client client;
  client.connect();
  const auto [type, sent, received] = GENERATE(table<PacketType, std::string, std::string>({
      {PacketType::puback, "Sending PUBACK to sensor (m258, rc151)",
       "Received PUBACK from sensor (Mid: 258, RC:151)"},
      {PacketType::pubrec, "Sending PUBREC to sensor (m258, rc151)",
       "Received PUBREC from sensor (Mid: 258)"},
      {PacketType::pubcomp, "Sending PUBCOMP to sensor (m258)",
       "Received PUBCOMP from sensor (Mid: 258, RC:151)"},
  }));
  const mqtt::ByteBuffer packet = ack_bytes(type);
  CHECK(broker::sent_line(client.connection, packet.view()) == sent);
  CHECK(broker::received_line(client.connection, frame_of(packet.view())) == received);
}

TEST_CASE("a refused CONNECT is answered to an address", "[client_text]") {
  const Client client;
  mqtt::Connack packet;
  packet.reason = mqtt::Reason::not_authorized;
  mqtt::ByteBuffer bytes;
  mqtt::encode(packet, mqtt::Version::v3_1_1, bytes);
  CHECK(broker::sent_line(client.connection, bytes.view()) ==
        "Sending CONNACK to 192.0.2.1 (0, 5)");
}

TEST_CASE("CONNECT and PUBLISH have lines of their own", "[client_text]") {
  const Client client;
  mqtt::Frame frame;
  frame.type = GENERATE(mqtt::PacketType::connect, mqtt::PacketType::publish);
  CHECK(broker::received_line(client.connection, frame).empty());
}

TEST_CASE("no line is written about half a packet", "[client_text]") {
  const Client client;
  const mqtt::ByteBuffer packet = ack_bytes(mqtt::PacketType::puback);
  CHECK(broker::sent_line(client.connection, packet.view().first(3)).empty());
}
