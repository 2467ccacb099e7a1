#include <functional>

#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

/// One row of table 2-4: a property with a good value, and where a client may send it.
struct Row {
  unsigned id;
  std::string value;
  std::string_view places;     // "connect publish"
  std::string bad_value = {};  // one that its type or section forbids
  Reason bad_reason = Reason::protocol_error;
};

std::vector<Row> table_2_4() {
  const std::string bad_text = text("\xFE");
  const auto malformed = Reason::malformed_packet;
  return {
      {0x01, u8(1), "publish will", u8(2)},
      {0x02, u32(60), "publish will"},
      {0x03, text("text/plain"), "publish will", bad_text, malformed},
      {0x08, text("answers"), "publish will", text("a/#")},
      {0x09, text("data"), "publish will"},
      {0x0B, varint(300), "subscribe", varint(0)},
      {0x11, u32(60), "connect disconnect"},
      {0x12, text("client"), ""},
      {0x13, u16(60), ""},
      {0x15, text("PLAIN"), "connect auth", bad_text, malformed},
      {0x16, text("data"), "connect auth"},
      {0x17, u8(1), "connect", u8(2)},
      {0x18, u32(60), "will"},
      {0x19, u8(0), "connect", u8(255)},
      {0x1A, text("info"), ""},
      {0x1C, text("other.example"), ""},
      {0x1F, text("why"), "puback pubrec pubrel pubcomp disconnect auth", bad_text, malformed},
      {0x21, u16(10), "connect", u16(0)},
      {0x22, u16(10), "connect"},
      {0x23, u16(10), "publish", u16(0), Reason::topic_alias_invalid},
      {0x24, u8(1), ""},
      {0x25, u8(1), ""},
      {0x26, text("key") + text("value"),
       "connect will publish puback pubrec pubrel pubcomp subscribe unsubscribe disconnect auth",
       text("key") + bad_text, malformed},
      {0x27, u32(1000), "connect", u32(0)},
      {0x28, u8(1), ""},
      {0x29, u8(1), ""},
      {0x2A, u8(1), ""},
  };
}

/// A packet with a hole for a property block.
struct Place {
  std::string_view name;
  std::function<std::string(const std::string& properties)> packet_with;
};

std::string connect_with(const std::string& properties) {
  return packet(0x10, text("MQTT") + u8(5) + u8(2) + u16(60) + block(properties) + text("client"));
}
std::string will_with(const std::string& properties) {
  return packet(0x10, text("MQTT") + u8(5) + u8(6) + u16(60) + block("") + text("client") +
                          block(properties) + text("will/topic") + text("gone"));
}

std::vector<Place> places() {
  const auto ack = [](unsigned first_byte) {
    return [first_byte](const std::string& properties) {
      return packet(first_byte, u16(1) + u8(0) + block(properties));
    };
  };
  return {
      {"connect", connect_with},
      {"will", will_with},
      {"publish",
       [](const std::string& p) { return packet(0x30, text("a") + block(p) + "payload"); }},
      {"puback", ack(0x40)},
      {"pubrec", ack(0x50)},
      {"pubrel", ack(0x62)},
      {"pubcomp", ack(0x70)},
      {"subscribe",
       [](const std::string& p) { return packet(0x82, u16(1) + block(p) + text("a") + u8(0)); }},
      {"unsubscribe",
       [](const std::string& p) { return packet(0xA2, u16(1) + block(p) + text("a")); }},
      {"disconnect", [](const std::string& p) { return packet(0xE0, u8(0) + block(p)); }},
      {"auth", [](const std::string& p) { return packet(0xF0, u8(0x18) + block(p)); }},
  };
}

bool stands_in(const Row& row, std::string_view place) {
  const std::string all = " " + std::string(row.places) + " ";
  return all.find(" " + std::string(place) + " ") != std::string::npos;
}

/// What must stand in front of a property for the packet to be good: a method.
std::string required(const Row& row, std::string_view place) {
  const bool method = row.id == 0x15;
  const bool needed = place == "auth" || (place == "connect" && row.id == 0x16);
  return needed && !method ? u8(0x15) + text("PLAIN") : "";
}

void add_row(Packets& packets, const Row& row, const Place& place) {
  const auto add = [&](const char* what, const std::string& properties,
                       std::optional<Reason> refused_with) {
    packets.push_back({std::string(place.name) + " with property " + std::to_string(row.id) + what,
                       Version::v5_0, place.packet_with(required(row, place.name) + properties),
                       refused_with});
  };
  const bool allowed = stands_in(row, place.name);
  // A few are the server's alone, in packets that a client sends, too.
  const bool for_servers =
      (row.id == 0x0B && place.name == "publish") || (row.id == 0x1C && place.name == "disconnect");
  const auto refused = for_servers ? Reason::protocol_error : Reason::malformed_packet;
  const auto expected = allowed ? std::nullopt : std::optional(refused);
  const std::string property = u8(row.id) + row.value;
  add("", property, expected);
  add(" twice", property + property,
      allowed && row.id == 0x26 ? std::nullopt
                                : std::optional(allowed ? Reason::protocol_error : refused));
  add(" cut short", property.substr(0, property.size() - 1), Reason::malformed_packet);
  add(" cut behind its identifier", u8(row.id), Reason::malformed_packet);
  if (allowed && !row.bad_value.empty()) {
    add(" and a bad value", u8(row.id) + row.bad_value, row.bad_reason);
  }
}

void add_unknown(Packets& packets, const Place& place) {
  for (const unsigned id : {0x00U, 0x04U, 0x0CU, 0x1BU, 0x20U, 0x2BU, 0x40U, 0x7FU}) {
    packets.push_back({std::string(place.name) + " with unknown property " + std::to_string(id),
                       Version::v5_0, place.packet_with(u8(id) + u32(0)),
                       Reason::malformed_packet});
  }
  // 0x101: an identifier is a Variable Byte Integer, and one byte of it must not be mistaken for
  // Payload Format Indicator.
  packets.push_back({std::string(place.name) + " with an unknown property of two bytes",
                     Version::v5_0, place.packet_with(varint(0x101) + u8(1)),
                     Reason::malformed_packet});
}

}  // namespace

Packets property_packets() {
  Packets packets;
  for (const Place& place : places()) {
    for (const Row& row : table_2_4()) add_row(packets, row, place);
    add_unknown(packets, place);
  }
  return packets;
}

}  // namespace vectors
