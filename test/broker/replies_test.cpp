#include "broker/replies.h"

#include <catch2/catch.hpp>

#include "broker/wire/disconnect.h"
#include "test/broker/parts.h"

namespace {

using broker::Replies;
using broker::SendRule;
using mqtt::Reason;
using mqtt::Version;

}  // namespace

TEST_CASE("an answer is counted, and so is what the client has not read of it", "[replies]") {
  test::Parts parts;
  test::ConnectedClient client(parts, 1, Version::v5_0, "client");
  parts.replies.send(client.connection, SendRule::immediate,
                     [](mqtt::ByteBuffer& out) { mqtt::encode_pingresp(out); });
  CHECK(client.output(parts) == std::vector<std::string>{"PINGRESP"});
  CHECK(parts.metrics.messages_sent == 1);
  CHECK(parts.metrics.bytes_sent == 2);
  CHECK(client.connection.unread_reply_bytes == 2);
}

TEST_CASE("DISCONNECT is sent to clients of 5.0, once CONNACK has left [MQTT-3.14.0-1]",
          "[replies]") {
  test::Parts parts;
  test::ConnectedClient old(parts, 1, Version::v3_1_1, "old");
  parts.replies.send_disconnect(old.connection, Reason::session_taken_over, {});
  CHECK(old.output(parts).empty());
  test::ConnectedClient waiting(parts, 2, Version::v5_0, "waiting");
  waiting.connection.held = std::make_unique<broker::HeldOutput>();
  waiting.connection.held->everything = true;
  parts.replies.send_disconnect(waiting.connection, Reason::session_taken_over, {});
  CHECK(waiting.output(parts).empty());
  test::ConnectedClient client(parts, 3, Version::v5_0, "client");
  parts.replies.send_disconnect(client.connection, Reason::session_taken_over, {});
  CHECK(client.output(parts).size() == 1);
}

TEST_CASE("a reason string needs leave, and room [MQTT-3.1.2-29]", "[replies]") {
  test::Parts parts;
  test::ConnectedClient client(parts, 1, Version::v5_0, "client");
  CHECK(Replies::may_send_reason_string(client.connection, "why"));
  client.connection.maximum_packet_size_bytes = 10;
  CHECK_FALSE(Replies::may_send_reason_string(client.connection, "why"));
  client.connection.maximum_packet_size_bytes = 0;
  client.connection.request_problem_information = false;
  CHECK_FALSE(Replies::may_send_reason_string(client.connection, "why"));
}

TEST_CASE("a CONNACK larger than the client takes is not sent [MQTT-3.1.2-24]", "[replies]") {
  test::Parts parts;
  test::ConnectedClient client(parts, 1, Version::v5_0, "client");
  mqtt::Connack answer;
  CHECK(Replies::may_be_sent(client.connection, answer));
  client.connection.maximum_packet_size_bytes = 2;
  CHECK_FALSE(Replies::may_be_sent(client.connection, answer));
}
