#include "broker/trace/packet_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "broker/wire/connect.h"
#include "broker/wire/publish.h"
#include "broker/wire/utf8.h"
#include "test/vectors/build.h"
#include "test/vectors/packets.h"

using namespace std::string_literals;
using mqtt::Side;
using mqtt::Version;

namespace {

std::string text_of(std::string_view bytes, const trace::View& view) {
  trace::PacketCutter cutter;
  mqtt::Bytes piece = mqtt::as_bytes(bytes);
  const auto packet = cutter.take(piece);
  REQUIRE(packet);
  return trace::describe(*packet, view);
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

mqtt::Connect connect_with_secrets() {
  mqtt::Connect packet;
  packet.client_id = "sensor";
  packet.keep_alive_seconds = 60;
  packet.user_name = "ann";
  packet.password = mqtt::as_bytes("open sesame");
  packet.authentication_method = "SCRAM";
  packet.authentication_data = mqtt::as_bytes("open sesame");
  packet.will.emplace();
  packet.will->topic = "gone";
  packet.will->payload = mqtt::as_bytes("last words");
  return packet;
}

}  // namespace

TEST_CASE("a PUBLISH is told with topic, QoS, identifier, flags, properties and size",
          "[packet_text]") {
  mqtt::ByteBuffer properties;
  mqtt::write_property(properties, mqtt::PropertyId::content_type, "text/plain");
  mqtt::write_user_property(properties, "unit", "m\x01");
  mqtt::OutgoingPublish packet{.topic = "a/b",
                               .payload = mqtt::as_bytes("12\n3"),
                               .properties = properties.view(),
                               .packet_id = mqtt::PacketId{7},
                               .qos = mqtt::Qos::at_least_once,
                               .retain = true};
  mqtt::ByteBuffer bytes;
  encode(packet, Version::v5_0, bytes);
  const std::string size = " (" + std::to_string(bytes.size()) + " bytes)";
  trace::View view{.version = Version::v5_0};
  const std::string text =
      "PUBLISH 'a/b', QoS 1, id 7, retain, content type 'text/plain', user "
      "property 'unit'='m\\x01', 4 bytes of payload";
  CHECK(text_of(mqtt::as_text(bytes.view()), view) == text + size);
  view.payload = true;
  CHECK(text_of(mqtt::as_text(bytes.view()), view) == text + ": '12\\x0a3'" + size);
}

TEST_CASE("a CONNECT is told without its password, and without its will unless asked",
          "[packet_text]") {
  mqtt::ByteBuffer bytes;
  encode(connect_with_secrets(), bytes);
  trace::View view;
  const std::string text = text_of(mqtt::as_text(bytes.view()), view);
  CHECK(has(text,
            "CONNECT MQTT 5.0, client 'sensor', keep alive 60 s, user 'ann', a password, will "
            "to 'gone' QoS 0, 10 bytes of payload"));
  CHECK_FALSE(has(text, "sesame"));
  CHECK_FALSE(has(text, "last words"));
  view.payload = true;
  const std::string more = text_of(mqtt::as_text(bytes.view()), view);
  CHECK(has(more, "last words"));
  CHECK_FALSE(has(more, "sesame"));
}

TEST_CASE("no spoilt CONNECT shows its password", "[packet_text]") {
  mqtt::ByteBuffer bytes;
  encode(connect_with_secrets(), bytes);
  const std::string good(mqtt::as_text(bytes.view()));
  for (std::size_t at = 2; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x80);
    CHECK_FALSE(has(text_of(bad, {.payload = false}), "sesame"));
    CHECK(trace::hex_of(mqtt::as_bytes(bad)).size() <= 3 * 12 + 3);
  }
}

TEST_CASE("every packet of the table has a text: sound, bounded, of printable characters",
          "[packet_text]") {
  for (const Side sent_by : {Side::client, Side::server}) {
    for (const auto& packet : vectors::all_packets(sent_by)) {
      trace::PacketCutter cutter;
      mqtt::Bytes piece = packet.view();
      const auto cut = cutter.take(piece);
      if (!cut) continue;
      const std::string text =
          trace::describe(*cut, {.version = packet.version, .sent_by = sent_by, .payload = true});
      INFO(packet.name << ": " << text);
      CHECK(text.starts_with(mqtt::name_of(cut->type)));
      CHECK(text.size() <= trace::text_bytes_max);
      CHECK(mqtt::is_utf8_string(text));
      CHECK(text.find_first_of("\n\r\x1b\x7f") == text.npos);
      const bool tells_fault = has(text, "Malformed Packet") || has(text, "Protocol Error") ||
                               has(text, "invalid") || has(text, "ill-formed") ||
                               has(text, "not valid") || has(text, "may not have") ||
                               has(text, "Unsupported") || has(text, "not supported");
      if (packet.valid() && !has(packet.name, "invalid")) CHECK_FALSE(has(text, "ill-formed"));
      if (packet.valid()) CHECK_FALSE(has(text, "Malformed Packet: "));
      static_cast<void>(tells_fault);
    }
  }
}

TEST_CASE("answers are told with their reason codes", "[packet_text]") {
  const trace::View server{.version = Version::v5_0, .sent_by = Side::server};
  CHECK(text_of("\x20\x03\x00\x87\x00"s, server) == "CONNACK 0x87 Not authorized (5 bytes)");
  CHECK(text_of("\x40\x03\x00\x07\x10"s, server) ==
        "PUBACK id 7, 0x10 No matching subscribers (5 bytes)");
  CHECK(text_of("\x90\x05\x00\x07\x00\x00\x87"s, server) ==
        "SUBACK id 7, 0x00 Granted QoS 0, 0x87 Not authorized (7 bytes)");
  CHECK(text_of("\xE0\x01\x8E"s, server) == "DISCONNECT 0x8e Session taken over (3 bytes)");
  CHECK(text_of("\xD0\x00"s, server) == "PINGRESP (2 bytes)");
  const trace::View old{.version = Version::v3_1_1, .sent_by = Side::server};
  CHECK(text_of("\x40\x02\x00\x07"s, old) == "PUBACK id 7 (4 bytes)");
}

TEST_CASE("a large PUBLISH is told from its front, with its whole size", "[packet_text]") {
  const std::string bytes = vectors::packet(0x30, vectors::text("t") + std::string(100'000, 'x'));
  trace::PacketCutter cutter;
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 999) {
    const std::string copy = bytes.substr(at, 999);
    mqtt::Bytes piece = mqtt::as_bytes(copy);
    while (const auto packet = cutter.take(piece)) text = trace::describe(*packet, {});
  }
  CHECK(text == "PUBLISH 't', QoS 0, 100000 bytes of payload (100007 bytes)");
}

TEST_CASE("texts of clients are quoted, escaped and cut", "[packet_text]") {
  CHECK(trace::quoted("a\xC3\xA9'\x1B[2J") == "'a\xC3\xA9'\\x1b[2J'");
  CHECK(trace::quoted("\xFF\xC3") == "'\\xff\\xc3'");
  CHECK(trace::quoted("\xC2\x85") == "'\\xc2\\x85'");
  CHECK(trace::quoted("abc", 2) == "'ab'...");
  CHECK(trace::cut_text("a\xC3\xA9\xC3\xA9\xC3\xA9", 6) == "a\xC3\xA9...");
  CHECK(trace::hex_of(mqtt::as_bytes("\x16\x03\x01")) == "16 03 01");
  CHECK(trace::hex_of(mqtt::as_bytes(std::string(40, '\x20'))).size() == 32 * 3 - 1 + 4);
}
