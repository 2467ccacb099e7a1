#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

constexpr unsigned disconnect = 0xE0;
constexpr unsigned auth = 0xF0;

using Expected = std::optional<Reason>;

/// Table 3-10, the rows whose "Sent by" names the client.
bool client_may_say(unsigned code) {
  constexpr std::string_view listed("\x00\x04\x80\x81\x82\x83\x90\x93\x94\x95\x96\x97\x98\x99", 14);
  return listed.find(static_cast<char>(code)) != std::string_view::npos;
}

void add_reasons(Packets& packets) {
  for (unsigned code = 0; code < 256; ++code) {
    Expected disconnect_expected;
    if (!client_may_say(code)) disconnect_expected = Reason::protocol_error;
    packets.push_back({"DISCONNECT with reason " + std::to_string(code), Version::v5_0,
                       packet(disconnect, u8(code)), disconnect_expected});
    Expected auth_expected;
    if (code != 0x18 && code != 0x19) auth_expected = Reason::protocol_error;
    packets.push_back({"AUTH with reason " + std::to_string(code), Version::v5_0,
                       packet(auth, u8(code) + block(u8(0x15) + text("PLAIN"))), auth_expected});
  }
}

}  // namespace

Packets disconnect_packets() {
  const std::string all = u8(0x11) + u32(120) + u8(0x1F) + text("bye") + u8(0x26) + text("k") +
                          text("v") + u8(0x26) + text("k") + text("w");
  const std::string all_auth = u8(0x15) + text("PLAIN") + u8(0x16) + text("data") + u8(0x1F) +
                               text("again") + u8(0x26) + text("k") + text("v");
  Packets packets = {
      {"DISCONNECT", Version::v3_1, packet(disconnect, ""), {}},
      {"DISCONNECT", Version::v3_1_1, packet(disconnect, ""), {}},
      {"DISCONNECT", Version::v5_0, packet(disconnect, ""), {}},
      {"DISCONNECT with a body", Version::v3_1_1, packet(disconnect, u8(0)),
       Reason::malformed_packet},
      {"DISCONNECT with a body", Version::v3_1, packet(disconnect, u8(0)),
       Reason::malformed_packet},
      {"DISCONNECT with an empty property block",
       Version::v5_0,
       packet(disconnect, u8(4) + block("")),
       {}},
      {"DISCONNECT with all properties", Version::v5_0, packet(disconnect, u8(0) + block(all)), {}},
      {"DISCONNECT with bytes left over", Version::v5_0,
       packet(disconnect, u8(0) + block("") + u8(0)), Reason::malformed_packet},
      {"DISCONNECT with properties longer than the packet", Version::v5_0,
       packet(disconnect, u8(0) + u8(9) + u8(0x11)), Reason::malformed_packet},
      {"AUTH with all properties", Version::v5_0, packet(auth, u8(0x18) + block(all_auth)), {}},
      {"AUTH without a body", Version::v5_0, packet(auth, ""), Reason::protocol_error},
      {"AUTH without properties", Version::v5_0, packet(auth, u8(0x18)), Reason::protocol_error},
      {"AUTH without a method", Version::v5_0, packet(auth, u8(0x18) + block("")),
       Reason::protocol_error},
      {"AUTH with bytes left over", Version::v5_0,
       packet(auth, u8(0x19) + block(u8(0x15) + text("PLAIN")) + u8(0)), Reason::malformed_packet},
  };
  add_reasons(packets);
  return packets;
}

}  // namespace vectors
