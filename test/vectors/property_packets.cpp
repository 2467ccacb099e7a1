#include <functional>

#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

/// One row of table 2-4: a property with a good value, and where it may stand.
struct Row {
  unsigned id;
  std::string value;
  std::string_view places;     // "connect publish"; with a '>' in front from a server alone, with
                               // a '<' from a client alone
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
      {0x0B, varint(300), ">publish subscribe", varint(0)},
      {0x11, u32(60), "connect connack <disconnect"},
      {0x12, text("client"), "connack", bad_text, malformed},
      {0x13, u16(60), "connack"},
      {0x15, text("PLAIN"), "connect connack auth", bad_text, malformed},
      {0x16, text("data"), "connect connack auth"},
      {0x17, u8(1), "connect", u8(2)},
      {0x18, u32(60), "will"},
      {0x19, u8(0), "connect", u8(255)},
      {0x1A, text("info"), "connack", bad_text, malformed},
      {0x1C, text("other.example"), "connack >disconnect", bad_text, malformed},
      {0x1F, text("why"), "connack puback pubrec pubrel pubcomp suback unsuback disconnect auth",
       bad_text, malformed},
      {0x21, u16(10), "connect connack", u16(0)},
      {0x22, u16(10), "connect connack"},
      {0x23, u16(10), "publish", u16(0), Reason::topic_alias_invalid},
      {0x24, u8(1), "connack", u8(2)},
      {0x25, u8(1), "connack", u8(2)},
      {0x26, text("key") + text("value"),
       "connect connack will publish puback pubrec pubrel pubcomp subscribe suback unsubscribe "
       "unsuback disconnect auth",
       text("key") + bad_text, malformed},
      {0x27, u32(1000), "connect connack", u32(0)},
      {0x28, u8(1), "connack", u8(2)},
      {0x29, u8(1), "connack", u8(2)},
      {0x2A, u8(1), "connack", u8(2)},
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

std::vector<Place> places(mqtt::Side sent_by) {
  const auto ack = [](unsigned first_byte) {
    return [first_byte](const std::string& properties) {
      return packet(first_byte, u16(1) + u8(0) + block(properties));
    };
  };
  std::vector<Place> both = {
      {"publish",
       [](const std::string& p) { return packet(0x30, text("a") + block(p) + "payload"); }},
      {"puback", ack(0x40)},
      {"pubrec", ack(0x50)},
      {"pubrel", ack(0x62)},
      {"pubcomp", ack(0x70)},
      {"disconnect", [](const std::string& p) { return packet(0xE0, u8(0) + block(p)); }},
      {"auth", [](const std::string& p) { return packet(0xF0, u8(0x18) + block(p)); }},
  };
  const std::vector<Place> of_clients = {
      {"connect", connect_with},
      {"will", will_with},
      {"subscribe",
       [](const std::string& p) { return packet(0x82, u16(1) + block(p) + text("a") + u8(0)); }},
      {"unsubscribe",
       [](const std::string& p) { return packet(0xA2, u16(1) + block(p) + text("a")); }},
  };
  const std::vector<Place> of_servers = {
      {"connack", [](const std::string& p) { return packet(0x20, u16(0) + block(p)); }},
      {"suback", [](const std::string& p) { return packet(0x90, u16(1) + block(p) + u8(0)); }},
      {"unsuback", [](const std::string& p) { return packet(0xB0, u16(1) + block(p) + u8(0)); }},
  };
  const auto& own = sent_by == mqtt::Side::client ? of_clients : of_servers;
  both.insert(both.end(), own.begin(), own.end());
  return both;
}

bool names(const Row& row, char mark, std::string_view place) {
  std::string word(1, ' ');
  if (mark != ' ') word += mark;
  word.append(place).append(" ");
  return (" " + std::string(row.places) + " ").find(word) != std::string::npos;
}

bool stands_in(const Row& row, std::string_view place, mqtt::Side sent_by) {
  return names(row, ' ', place) || names(row, sent_by == mqtt::Side::client ? '<' : '>', place);
}

/// Whether the other side alone may put it there.
bool is_for_the_other(const Row& row, std::string_view place, mqtt::Side sent_by) {
  return names(row, sent_by == mqtt::Side::client ? '>' : '<', place);
}

/// What must stand in front of a property for the packet to be good: a method.
std::string required(const Row& row, std::string_view place) {
  const bool method = row.id == 0x15;
  const bool connects = place == "connect" || place == "connack";
  const bool needed = place == "auth" || (connects && row.id == 0x16);
  return needed && !method ? u8(0x15) + text("PLAIN") : "";
}

void add_row(Packets& packets, const Row& row, const Place& place, mqtt::Side sent_by) {
  const auto add = [&](const char* what, const std::string& properties,
                       std::optional<Reason> refused_with) {
    packets.push_back({std::string(place.name) + " with property " + std::to_string(row.id) + what,
                       Version::v5_0, place.packet_with(required(row, place.name) + properties),
                       refused_with});
  };
  const bool allowed = stands_in(row, place.name, sent_by);
  const auto refused = is_for_the_other(row, place.name, sent_by) ? Reason::protocol_error
                                                                  : Reason::malformed_packet;
  const auto expected = allowed ? std::nullopt : std::optional(refused);
  const bool repeats = row.id == 0x26 || (row.id == 0x0B && place.name == "publish");
  const std::string property = u8(row.id) + row.value;
  add("", property, expected);
  add(" twice", property + property,
      allowed && repeats ? std::nullopt
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

Packets property_packets(mqtt::Side sent_by) {
  Packets packets;
  for (const Place& place : places(sent_by)) {
    for (const Row& row : table_2_4()) add_row(packets, row, place, sent_by);
    add_unknown(packets, place);
  }
  return packets;
}

}  // namespace vectors
