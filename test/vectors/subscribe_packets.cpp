#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

constexpr unsigned subscribe = 0x82;
constexpr unsigned unsubscribe = 0xA2;

using Expected = std::optional<Reason>;

void add_subscribes(Packets& packets, Version version) {
  const std::string none = version == Version::v5_0 ? block("") : "";
  const auto add = [&](const char* name, const std::string& body, Expected refused_with = {}) {
    packets.push_back(
        {std::string("SUBSCRIBE ") + name, version, packet(subscribe, body), refused_with});
  };
  const auto one = [&](std::string_view filter) { return u16(1) + none + text(filter) + u8(0); };
  add("QoS 0", one("a/b"));
  add("QoS 1", u16(1) + none + text("a/b") + u8(1));
  add("QoS 2", u16(65'535) + none + text("a/b") + u8(2));
  add("to three filters",
      u16(2) + none + text("a/+") + u8(0) + text("#") + u8(1) + text("$SYS/#") + u8(2));
  add("to a shared subscription", one("$share/group/a/+"));
  add("to a filter of 65,535 bytes", one(std::string(65'535, 'f')));
  add("to a filter in UTF-8", one("\xE6\xB0\x97\xE6\xB8\xA9/+"));
  add("QoS 3", u16(1) + none + text("a/b") + u8(3),
      version == Version::v5_0 ? Reason::protocol_error : Reason::malformed_packet);
  add("with packet identifier 0", u16(0) + none + text("a/b") + u8(0), Reason::malformed_packet);
  add("without a filter", u16(1) + none, Reason::protocol_error);
  add("without options", u16(1) + none + text("a/b"), Reason::malformed_packet);
  add("without options for the second filter", u16(1) + none + text("a/b") + u8(0) + text("c"),
      Reason::malformed_packet);
  add("with a filter that does not fit", u16(1) + none + u16(4) + "a/b", Reason::malformed_packet);
  add("with a filter that is not UTF-8", one("a/\xFF"), Reason::malformed_packet);
  add("with U+0000 in the filter", one(std::string_view("a\0b", 3)), Reason::malformed_packet);
  add("without a body", "", Reason::malformed_packet);
}

void add_options(Packets& packets) {
  const auto add = [&](std::string_view filter, unsigned options, Expected refused_with) {
    packets.push_back({"SUBSCRIBE with options " + std::to_string(options), Version::v5_0,
                       packet(subscribe, u16(1) + block("") + text(filter) + u8(options)),
                       refused_with});
  };
  for (unsigned options = 0; options < 256; ++options) {
    const bool forbidden = options % 4 == 3 || options / 16 % 4 == 3;
    Expected expected;
    if (forbidden) expected = Reason::protocol_error;
    if (options >= 0x40) expected = Reason::malformed_packet;
    add("a/b", options, expected);
  }
  add("$share/group/a", 0x04, Reason::protocol_error);  // no local
  add("$share/group/a", 0x08, {});
}

void add_old_options(Packets& packets) {
  for (const unsigned bits : {0x04U, 0x08U, 0x10U, 0x20U, 0x40U, 0x80U}) {
    const std::string bytes = packet(subscribe, u16(1) + text("a/b") + u8(1 + bits));
    const std::string name = "SUBSCRIBE with reserved bit " + std::to_string(bits);
    packets.push_back({name, Version::v3_1_1, bytes, Reason::malformed_packet});
    packets.push_back({name, Version::v3_1, bytes, {}});
  }
}

void add_identifiers(Packets& packets) {
  const auto add = [&](const char* name, const std::string& value, Expected refused_with) {
    packets.push_back({std::string("SUBSCRIBE with ") + name, Version::v5_0,
                       packet(subscribe, u16(1) + block(u8(0x0B) + value) + text("a/b") + u8(0)),
                       refused_with});
  };
  add("subscription identifier 1", varint(1), {});
  add("the largest subscription identifier", varint(268'435'455), {});
  add("subscription identifier 0", varint(0), Reason::protocol_error);
  add("a subscription identifier of five bytes", u32(0x80808080) + u8(1), Reason::malformed_packet);
}

void add_unsubscribes(Packets& packets, Version version) {
  const std::string none = version == Version::v5_0 ? block("") : "";
  const auto add = [&](const char* name, const std::string& body, Expected refused_with = {}) {
    packets.push_back(
        {std::string("UNSUBSCRIBE ") + name, version, packet(unsubscribe, body), refused_with});
  };
  add("from one filter", u16(1) + none + text("a/b"));
  add("from three filters", u16(65'535) + none + text("a/+") + text("#") + text("$share/g/a"));
  add("with packet identifier 0", u16(0) + none + text("a/b"), Reason::malformed_packet);
  add("without a filter", u16(1) + none, Reason::protocol_error);
  add("with a filter that does not fit", u16(1) + none + u16(4) + "a/b", Reason::malformed_packet);
  add("with half a length behind the last filter", u16(1) + none + text("a/b") + u8(0),
      Reason::malformed_packet);
  add("with a filter that is not UTF-8", u16(1) + none + text("\xF5\x80\x80\x80"),
      Reason::malformed_packet);
  add("without a body", "", Reason::malformed_packet);
}

}  // namespace

Packets subscribe_packets() {
  Packets packets;
  for (const Version version : {Version::v3_1, Version::v3_1_1, Version::v5_0}) {
    add_subscribes(packets, version);
    add_unsubscribes(packets, version);
  }
  add_options(packets);
  add_old_options(packets);
  add_identifiers(packets);
  for (const unsigned first : {subscribe, unsubscribe}) {
    packets.push_back({"(UN)SUBSCRIBE with properties longer than the packet", Version::v5_0,
                       packet(first, u16(1) + u8(9) + text("a/b") + u8(0)),
                       Reason::malformed_packet});
  }
  return packets;
}

}  // namespace vectors
