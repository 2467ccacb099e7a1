#include "broker/wire/disconnect.h"

#include <catch2/catch.hpp>

#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::decode_auth;
using mqtt::decode_disconnect;
using mqtt::Disconnect;
using mqtt::Reason;
using mqtt::Version;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u32;
using vectors::u8;

namespace {

int disconnecting(const std::string& body, Version version = Version::v5_0) {
  return refusal(decode_disconnect(frame_of(packet(0xE0, body)), version));
}
int authenticating(const std::string& body) {
  return refusal(decode_auth(frame_of(packet(0xF0, body))));
}

const std::string method = u8(0x15) + text("PLAIN");

}  // namespace

TEST_CASE("an empty DISCONNECT is a normal one, in every version", "[disconnect]") {
  for (const Version version : {Version::v3_1, Version::v3_1_1, Version::v5_0}) {
    const auto disconnect = decode_disconnect(frame_of(packet(0xE0, "")), version);
    REQUIRE(disconnect);
    CHECK(disconnect->reason == Reason::success);
    CHECK_FALSE(disconnect->session_expiry_interval_seconds);
  }
  CHECK(disconnecting(u8(0), Version::v3_1_1) == malformed);
}

TEST_CASE(
    "DISCONNECT uses one of its own reason codes, a client one of a client's "
    "[MQTT-3.14.2-1]",
    "[disconnect]") {
  const std::string_view listed("\x00\x04\x80\x81\x82\x83\x90\x93\x94\x95\x96\x97\x98\x99", 14);
  for (unsigned code = 0; code < 256; ++code) {
    const bool allowed = listed.find(static_cast<char>(code)) != std::string_view::npos;
    CAPTURE(code);
    CHECK(disconnecting(u8(code)) == (allowed ? accepted : protocol_error));
  }
}

TEST_CASE("a DISCONNECT may change the session's expiry and say why", "[disconnect]") {
  const std::string bytes =
      packet(0xE0, u8(4) + block(u8(0x11) + u32(600) + u8(0x1F) + text("bye")));
  const auto disconnect = decode_disconnect(frame_of(bytes), Version::v5_0);
  REQUIRE(disconnect);
  CHECK(disconnect->reason == Reason::disconnect_with_will_message);
  CHECK(disconnect->session_expiry_interval_seconds == 600U);
  CHECK(disconnect->reason_string == "bye");
}

TEST_CASE("a client refers nobody to another server", "[disconnect]") {
  CHECK(disconnecting(u8(0) + block(u8(0x1C) + text("other"))) == protocol_error);
}

TEST_CASE("bytes behind the properties make a DISCONNECT malformed", "[disconnect]") {
  CHECK(disconnecting(u8(0) + block("")) == accepted);
  CHECK(disconnecting(u8(0) + block("") + u8(0)) == malformed);
  CHECK(disconnecting(u8(0) + u8(1)) == malformed);
}

TEST_CASE("a DISCONNECT to a client says a reason, and its string if there is one",
          "[disconnect]") {
  const auto encoded = [](const Disconnect& packet_to_send) {
    return written(
        [&](auto& out) { encode(packet_to_send, Version::v5_0, mqtt::Side::server, out); });
  };
  CHECK(encoded({}) == packet(0xE0, ""));
  CHECK(encoded({.reason = Reason::session_taken_over}) == packet(0xE0, u8(0x8E)));
  CHECK(encoded({.reason = Reason::quota_exceeded, .reason_string = "slow"}) ==
        packet(0xE0, u8(0x97) + block(u8(0x1F) + text("slow"))));
}

TEST_CASE("the server's DISCONNECT carries no session expiry interval [MQTT-3.14.2-2]",
          "[disconnect]") {
  const Disconnect disconnect{.reason = Reason::server_shutting_down,
                              .session_expiry_interval_seconds = 60};
  CHECK(written([&](auto& out) { encode(disconnect, Version::v5_0, mqtt::Side::server, out); }) ==
        packet(0xE0, u8(0x8B)));
}

TEST_CASE("AUTH uses one of its own reason codes, and success is the server's [MQTT-3.15.2-1]",
          "[disconnect]") {
  for (unsigned code = 0; code < 256; ++code) {
    CAPTURE(code);
    CHECK(authenticating(u8(code) + block(method)) ==
          (code == 0x18 || code == 0x19 ? accepted : protocol_error));
  }
  CHECK(authenticating("") == protocol_error);
}

TEST_CASE("AUTH names its method (section 3.15.2.2.2)", "[disconnect]") {
  const std::string bytes = packet(0xF0, u8(0x18) + block(method + u8(0x16) + text("data")));
  const auto auth = decode_auth(frame_of(bytes));
  REQUIRE(auth);
  CHECK(auth->reason == Reason::continue_authentication);
  CHECK(auth->authentication_method == "PLAIN");
  CHECK(authenticating(u8(0x18) + block("")) == protocol_error);
  CHECK(authenticating(u8(0x18)) == protocol_error);
}

TEST_CASE("PINGREQ is empty, and so is its answer [MQTT-3.12.4-1] [MQTT3-3.12.4-1]",
          "[disconnect]") {
  CHECK(refusal(mqtt::decode_pingreq(frame_of(packet(0xC0, "")))) == accepted);
  CHECK(refusal(mqtt::decode_pingreq(frame_of(packet(0xC0, u8(0))))) == malformed);
  CHECK(written([](auto& out) { mqtt::encode_pingresp(out); }) == packet(0xD0, ""));
}

TEST_CASE("a client's DISCONNECT says when its session ends, before 5.0 nothing", "[disconnect]") {
  const Disconnect disconnect{.reason = Reason::disconnect_with_will_message,
                              .session_expiry_interval_seconds = 60,
                              .server_reference = "other"};
  const auto encoded = [&](Version version) {
    return written([&](auto& out) { encode(disconnect, version, mqtt::Side::client, out); });
  };
  CHECK(encoded(Version::v5_0) == packet(0xE0, u8(4) + block(u8(0x11) + u32(60))));
  CHECK(encoded(Version::v3_1_1) == packet(0xE0, ""));
}

TEST_CASE("a server's DISCONNECT may refer to another server", "[disconnect]") {
  const std::string bytes = packet(0xE0, u8(0x9C) + block(u8(0x1C) + text("other")));
  const auto disconnect = decode_disconnect(frame_of(bytes), Version::v5_0, mqtt::Side::server);
  REQUIRE(disconnect);
  CHECK(disconnect->reason == Reason::use_another_server);
  CHECK(disconnect->server_reference == "other");
  CHECK(disconnecting(u8(0x9C)) == protocol_error);  // from a client
}

TEST_CASE("a client refuses a session expiry interval of a server [MQTT-3.14.2-2]",
          "[disconnect]") {
  const std::string bytes = packet(0xE0, u8(0) + block(u8(0x11) + u32(60)));
  CHECK(refusal(decode_disconnect(frame_of(bytes), Version::v5_0, mqtt::Side::server)) ==
        protocol_error);
  // Before 5.0 servers just close.
  const std::string old = packet(0xE0, "");
  CHECK(refusal(decode_disconnect(frame_of(old), Version::v3_1_1, mqtt::Side::server)) ==
        protocol_error);
}

TEST_CASE("AUTH comes from a server, too, and a success may be empty (section 3.15.2.1)",
          "[disconnect]") {
  const auto from_server = [](const std::string& body) {
    const std::string bytes = packet(0xF0, body);
    return refusal(decode_auth(frame_of(bytes), mqtt::Side::server));
  };
  CHECK(from_server("") == accepted);
  CHECK(from_server(u8(0) + block(method)) == accepted);
  CHECK(from_server(u8(0x18) + block(method)) == accepted);
  CHECK(from_server(u8(0x19) + block(method)) == protocol_error);
  CHECK(from_server(u8(0)) == protocol_error);
  const mqtt::Auth auth{.reason = Reason::continue_authentication,
                        .authentication_method = "PLAIN",
                        .authentication_data = mqtt::as_bytes("data")};
  CHECK(written([&](auto& out) { encode(auth, out); }) ==
        packet(0xF0, u8(0x18) + block(method + u8(0x16) + text("data"))));
}

TEST_CASE("PINGREQ is written, and PINGRESP is empty (section 3.13)", "[disconnect]") {
  CHECK(written([](auto& out) { mqtt::encode_pingreq(out); }) == packet(0xC0, ""));
  CHECK(refusal(mqtt::decode_pingresp(frame_of(packet(0xD0, "")))) == accepted);
  CHECK(refusal(mqtt::decode_pingresp(frame_of(packet(0xD0, u8(0))))) == malformed);
}
