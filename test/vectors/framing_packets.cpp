#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

constexpr unsigned publish = 3;

/// The flags that section 2.1.3 lists.
unsigned flags_of(unsigned type) { return type == 6 || type == 8 || type == 10 ? 2 : 0; }

std::string hex_digit(unsigned value) { return std::string(1, "0123456789ABCDEF"[value & 15U]); }

void add_wrong_flags(Packets& packets) {
  for (unsigned type = 1; type <= 15; ++type) {
    if (type == publish) continue;
    for (unsigned flags = 0; flags <= 15; ++flags) {
      if (flags == flags_of(type)) continue;
      const std::string name = "type " + hex_digit(type) + " with flags " + hex_digit(flags);
      const std::string bytes = packet(type << 4U | flags, u16(1));
      packets.push_back({name, Version::v5_0, bytes, Reason::malformed_packet});
      packets.push_back({name, Version::v3_1_1, bytes, Reason::malformed_packet});
    }
  }
}

/// 3.1 gives DUP to a PUBREL, SUBSCRIBE or UNSUBSCRIBE that is sent again, and does not use the
/// flags of the others.
void add_unused_flags(Packets& packets) {
  for (unsigned flags = 0; flags <= 15; ++flags) {
    const auto add = [&](unsigned type, const std::string& body) {
      packets.push_back({"3.1 type " + hex_digit(type) + " with flags " + hex_digit(flags),
                         Version::v3_1,
                         packet(type << 4U | flags, body),
                         {}});
    };
    for (const unsigned ack : {4U, 5U, 6U, 7U}) add(ack, u16(1));
    add(8, u16(1) + text("a") + u8(0));
    add(10, u16(1) + text("a"));
    add(12, "");
    add(14, "");
  }
}

/// What only a server sends is no packet for a server.
void add_server_packets(Packets& packets, Version version) {
  const auto add = [&](const std::string& name, unsigned first, const std::string& body) {
    packets.push_back(
        {name + " from a client", version, packet(first, body), Reason::protocol_error});
  };
  const std::string none = version == Version::v5_0 ? block("") : "";
  add("CONNACK", 0x20, u16(0) + none);
  add("SUBACK", 0x90, u16(1) + none + u8(0));
  add("UNSUBACK", 0xB0, u16(1) + none);
  add("PINGRESP", 0xD0, "");
}

}  // namespace

Packets framing_packets() {
  Packets packets = {
      {"type 0", Version::v5_0, packet(0x00, ""), Reason::protocol_error},
      {"type 0 with flags", Version::v3_1_1, packet(0x02, ""), Reason::protocol_error},
      {"an HTTP request", Version::v3_1_1, "GET / HTTP/1.1\r\n\r\n", Reason::malformed_packet},
      {"a TLS ClientHello", Version::v3_1_1, u8(0x16) + u8(3) + u8(1) + text("hello"),
       Reason::malformed_packet},
      {"remaining length of five bytes", Version::v5_0, u8(0xC0) + u32(0x80808080) + u8(0x01),
       Reason::malformed_packet},
      {"remaining length that never ends", Version::v3_1_1, u8(0x30) + u32(0xFFFFFFFF) + u8(0xFF),
       Reason::malformed_packet},
      {"PINGREQ with a remaining length longer than it need be",
       Version::v5_0,
       u8(0xC0) + u32(0x80808000),
       {}},
      {"PINGREQ", Version::v5_0, packet(0xC0, ""), {}},
      {"PINGREQ", Version::v3_1_1, packet(0xC0, ""), {}},
      {"PINGREQ", Version::v3_1, packet(0xC0, ""), {}},
      {"PINGREQ with a body", Version::v5_0, packet(0xC0, u8(0)), Reason::malformed_packet},
      {"PINGREQ with a body", Version::v3_1_1, packet(0xC0, u8(0)), Reason::malformed_packet},
      {"type 15 before 5.0", Version::v3_1_1, packet(0xF0, ""), Reason::protocol_error},
      {"type 15 before 5.0", Version::v3_1, packet(0xF0, ""), Reason::protocol_error},
  };
  add_wrong_flags(packets);
  add_unused_flags(packets);
  add_server_packets(packets, Version::v5_0);
  add_server_packets(packets, Version::v3_1_1);
  add_server_packets(packets, Version::v3_1);
  return packets;
}

}  // namespace vectors
