#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

using Expected = std::optional<Reason>;

constexpr unsigned connack = 0x20;
constexpr unsigned suback = 0x90;
constexpr unsigned unsuback = 0xB0;
constexpr unsigned disconnect = 0xE0;
constexpr unsigned auth = 0xF0;
constexpr Version versions[] = {Version::v3_1, Version::v3_1_1, Version::v5_0};

bool listed(std::string_view codes, unsigned code) {
  return codes.find(static_cast<char>(code)) != std::string_view::npos;
}

/// One packet for each of the 256 codes; the table of the section says which are allowed.
template <typename Body>
void add_codes(Packets& packets, const std::string& name, unsigned first_byte,
               std::string_view allowed, Version version, Body&& body) {
  for (unsigned code = 0; code < 256; ++code) {
    packets.push_back({name + " with code " + std::to_string(code), version,
                       packet(first_byte, body(code)),
                       listed(allowed, code) ? Expected{} : Reason::protocol_error});
  }
}

std::string all_connack_properties() {
  return u8(0x13) + u16(60) + u8(0x22) + u16(10) + u8(0x12) + text("auto-1") + u8(0x25) + u8(0) +
         u8(0x27) + u32(2'000'000) + u8(0x21) + u16(20) + u8(0x24) + u8(1) + u8(0x11) + u32(3600) +
         u8(0x28) + u8(0) + u8(0x29) + u8(1) + u8(0x2A) + u8(0) + u8(0x1A) + text("answers/") +
         u8(0x1C) + text("other.example:1883") + u8(0x15) + text("PLAIN") + u8(0x16) +
         text(std::string_view("\0data", 5)) + u8(0x1F) + text("welcome") + u8(0x26) + text("k") +
         text("v") + u8(0x26) + text("k") + text("w");
}

}  // namespace

Packets connack_packets() {
  Packets packets;
  const auto add = [&](const char* name, Version version, const std::string& body,
                       Expected refused_with = {}) {
    packets.push_back(
        {std::string("CONNACK ") + name, version, packet(connack, body), refused_with});
  };
  for (const Version version : versions) {
    const std::string none = version == Version::v5_0 ? block("") : "";
    const bool has_flags = version != Version::v3_1;
    add("of success", version, u16(0) + none);
    add("with a session", version, u8(1) + u8(0) + none);
    add("with a reserved flag", version, u8(2) + u8(0) + none,
        has_flags ? Expected(Reason::malformed_packet) : Expected{});
    add("with every flag", version, u8(255) + u8(0) + none,
        has_flags ? Expected(Reason::malformed_packet) : Expected{});
    add("with bytes left over", version, u16(0) + none + u8(0), Reason::malformed_packet);
    add("without a body", version, "", Reason::malformed_packet);
    add("of one byte", version, u8(0), Reason::malformed_packet);
  }
  add("of a refusal with a session", Version::v3_1_1, u8(1) + u8(5), Reason::protocol_error);
  add("of a refusal with a session", Version::v5_0, u8(1) + u8(0x87) + block(""),
      Reason::protocol_error);
  add("of 3.1.1 that knows no other version", Version::v5_0, u8(0) + u8(1));
  add("of 3.1.1 for another reason", Version::v5_0, u8(0) + u8(5), Reason::protocol_error);
  add("without properties", Version::v5_0, u16(0), Reason::malformed_packet);
  add("with all properties", Version::v5_0, u16(0) + block(all_connack_properties()));
  add("with a property block of two length bytes", Version::v5_0,
      u16(0) + block(u8(0x1F) + text(std::string(300, 'p'))));
  add("with properties longer than the packet", Version::v5_0, u16(0) + u8(9) + u8(0x13),
      Reason::malformed_packet);
  add("with authentication data and no method", Version::v5_0,
      u16(0) + block(u8(0x16) + text("data")), Reason::protocol_error);
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    add_codes(packets, "CONNACK", connack, std::string_view("\0\1\2\3\4\5", 6), version,
              [](unsigned code) { return u8(0) + u8(code); });
  }
  add_codes(packets, "CONNACK", connack,
            std::string_view("\x00\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8A\x8C\x90\x95\x97\x99"
                             "\x9A\x9B\x9C\x9D\x9F",
                             22),
            Version::v5_0, [](unsigned code) { return u8(0) + u8(code) + block(""); });
  return packets;
}

namespace {

void add_answers(Packets& packets, const char* type, unsigned first_byte, Version version) {
  const auto add = [&](const char* name, const std::string& body, Expected refused_with = {}) {
    packets.push_back({std::string(type) + name, version, packet(first_byte, body), refused_with});
  };
  const bool v5 = version == Version::v5_0;
  const bool has_codes = v5 || first_byte == suback;
  const std::string none = v5 ? block("") : "";
  const std::string code = has_codes ? u8(0) : "";
  add(" for one filter", u16(1) + none + code);
  add(" with the largest packet identifier", u16(65'535) + none + code);
  add(" with packet identifier 0", u16(0) + none + code, Reason::protocol_error);
  add(" without a body", "", Reason::malformed_packet);
  add(" of one byte", u8(1), Reason::malformed_packet);
  if (has_codes) {
    add(" for three filters", u16(2) + none + u8(0x80) + u8(0) + u8(0x80));
    add(" for 200 filters", u16(2) + none + std::string(200, '\0'));
    add(" without a code", u16(2) + none, Reason::malformed_packet);
  } else {
    add(" with a code", u16(2) + u8(0), Reason::malformed_packet);
  }
  if (!v5) return;
  add(" with all properties",
      u16(3) + block(u8(0x1F) + text("why") + u8(0x26) + text("k") + text("v")) + u8(0));
  add(" without properties", u16(3), Reason::malformed_packet);
  add(" with properties longer than the packet", u16(3) + u8(9) + u8(0x1F),
      Reason::malformed_packet);
}

}  // namespace

Packets suback_packets() {
  Packets packets;
  for (const Version version : versions) {
    add_answers(packets, "SUBACK", suback, version);
    add_answers(packets, "UNSUBACK", unsuback, version);
    if (version == Version::v5_0) continue;
    add_codes(packets, "SUBACK", suback, std::string_view("\x00\x01\x02\x80", 4), version,
              [](unsigned code) { return u16(1) + u8(code); });
  }
  const auto body = [](unsigned code) { return u16(1) + block("") + u8(code); };
  add_codes(packets, "SUBACK", suback,
            std::string_view("\x00\x01\x02\x80\x83\x87\x8F\x91\x97\x9E\xA1\xA2", 12), Version::v5_0,
            body);
  add_codes(packets, "UNSUBACK", unsuback, std::string_view("\x00\x11\x80\x83\x87\x8F\x91", 7),
            Version::v5_0, body);
  return packets;
}

Packets server_publish_packets() {
  // Whatever a client may publish a server may, and more: deeper topics, subscription identifiers.
  Packets packets = publish_packets();
  for (Packet& packet : packets) {
    if (packet.name.find("202 levels") != std::string::npos) packet.refused_with.reset();
    if (packet.name.find("subscription identifier") != std::string::npos) {
      packet.refused_with.reset();
    }
  }
  packets.push_back({"PUBLISH with three subscription identifiers",
                     Version::v5_0,
                     packet(0x31, text("a") +
                                      block(u8(0x0B) + varint(1) + u8(0x03) + text("x") + u8(0x0B) +
                                            varint(268'435'455) + u8(0x0B) + varint(1)) +
                                      "payload"),
                     {}});
  return packets;
}

Packets server_farewell_packets() {
  const std::string all =
      u8(0x1C) + text("other.example") + u8(0x1F) + text("bye") + u8(0x26) + text("k") + text("v");
  const std::string method = u8(0x15) + text("PLAIN");
  Packets packets = {
      {"PINGRESP", Version::v3_1, packet(0xD0, ""), {}},
      {"PINGRESP", Version::v3_1_1, packet(0xD0, ""), {}},
      {"PINGRESP", Version::v5_0, packet(0xD0, ""), {}},
      {"PINGRESP with a body", Version::v5_0, packet(0xD0, u8(0)), Reason::malformed_packet},
      {"DISCONNECT", Version::v5_0, packet(disconnect, ""), {}},
      {"DISCONNECT", Version::v3_1_1, packet(disconnect, ""), Reason::protocol_error},
      {"DISCONNECT", Version::v3_1, packet(disconnect, ""), Reason::protocol_error},
      {"DISCONNECT with all properties",
       Version::v5_0,
       packet(disconnect, u8(0x9C) + block(all)),
       {}},
      {"DISCONNECT with bytes left over", Version::v5_0,
       packet(disconnect, u8(0) + block("") + u8(0)), Reason::malformed_packet},
      {"AUTH of success without a body", Version::v5_0, packet(auth, ""), {}},
      {"AUTH of success without a method", Version::v5_0, packet(auth, u8(0)),
       Reason::protocol_error},
      {"AUTH of success",
       Version::v5_0,
       packet(auth, u8(0) + block(method + u8(0x16) + text("data") + u8(0x1F) + text("why"))),
       {}},
      {"AUTH before 5.0", Version::v3_1_1, packet(auth, u8(0x18) + block(method)),
       Reason::protocol_error},
      {"CONNECT from a server", Version::v5_0,
       packet(0x10, text("MQTT") + u8(5) + u8(2) + u16(0) + block("") + text("c")),
       Reason::protocol_error},
      {"SUBSCRIBE from a server", Version::v5_0,
       packet(0x82, u16(1) + block("") + text("a") + u8(0)), Reason::protocol_error},
      {"UNSUBSCRIBE from a server", Version::v5_0, packet(0xA2, u16(1) + block("") + text("a")),
       Reason::protocol_error},
      {"PINGREQ from a server", Version::v5_0, packet(0xC0, ""), Reason::protocol_error},
  };
  // Table 3-10, the rows whose "Sent by" names the server, and bad authentication method.
  add_codes(packets, "DISCONNECT", disconnect,
            std::string_view("\x00\x80\x81\x82\x83\x87\x89\x8B\x8C\x8D\x8E\x8F\x90\x93\x94\x95\x96"
                             "\x97\x98\x99\x9A\x9B\x9C\x9D\x9E\x9F\xA0\xA1\xA2",
                             29),
            Version::v5_0, [](unsigned code) { return u8(code); });
  add_codes(packets, "AUTH", auth, std::string_view("\x00\x18", 2), Version::v5_0,
            [&](unsigned code) { return u8(code) + block(method); });
  return packets;
}

}  // namespace vectors
