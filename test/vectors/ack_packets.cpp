#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

struct Kind {
  const char* name;
  unsigned first_byte;
  std::string reasons;  // those that sections 3.4.2.1 to 3.7.2.1 list
};

std::vector<Kind> kinds() {
  const std::string to_a_publish("\x00\x10\x80\x83\x87\x90\x91\x97\x99", 9);
  const std::string to_a_release("\x00\x92", 2);
  return {{"PUBACK", 0x40, to_a_publish},
          {"PUBREC", 0x50, to_a_publish},
          {"PUBREL", 0x62, to_a_release},
          {"PUBCOMP", 0x70, to_a_release}};
}

void add_for_version(Packets& packets, const Kind& kind, Version version) {
  const auto add = [&](const char* name, const std::string& body,
                       std::optional<Reason> refused_with = {}) {
    packets.push_back(
        {std::string(kind.name) + name, version, packet(kind.first_byte, body), refused_with});
  };
  add(" of two bytes", u16(1));
  add(" with the largest packet identifier", u16(65'535));
  add(" with packet identifier 0", u16(0), Reason::protocol_error);
  add(" without a body", "", Reason::malformed_packet);
  add(" of one byte", u8(1), Reason::malformed_packet);
}

void add_reasons(Packets& packets, const Kind& kind) {
  for (unsigned code = 0; code < 256; ++code) {
    const bool listed = kind.reasons.find(static_cast<char>(code)) != std::string::npos;
    if (!listed && code > 4 && code % 16 > 2) continue;  // a sample of the rest
    packets.push_back({std::string(kind.name) + " with reason " + std::to_string(code),
                       Version::v5_0, packet(kind.first_byte, u16(1) + u8(code)),
                       listed ? std::nullopt : std::optional(Reason::protocol_error)});
  }
}

void add_properties(Packets& packets, const Kind& kind) {
  const auto add = [&](const char* name, const std::string& rest,
                       std::optional<Reason> refused_with = {}) {
    packets.push_back({std::string(kind.name) + name, Version::v5_0,
                       packet(kind.first_byte, u16(1) + u8(0) + rest), refused_with});
  };
  add(" with an empty property block", block(""));
  add(" with all properties", block(u8(0x1F) + text("why") + u8(0x26) + text("k") + text("v")));
  add(" with properties longer than the packet", u8(5) + u8(0x1F), Reason::malformed_packet);
  add(" with bytes left over", block("") + u8(0), Reason::malformed_packet);
}

}  // namespace

Packets ack_packets() {
  Packets packets;
  for (const Kind& kind : kinds()) {
    for (const Version version : {Version::v3_1, Version::v3_1_1, Version::v5_0}) {
      add_for_version(packets, kind, version);
    }
    packets.push_back({std::string(kind.name) + " with bytes left over", Version::v3_1_1,
                       packet(kind.first_byte, u16(1) + u8(0)), Reason::malformed_packet});
    add_reasons(packets, kind);
    add_properties(packets, kind);
  }
  return packets;
}

}  // namespace vectors
