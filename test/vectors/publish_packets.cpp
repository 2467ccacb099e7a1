#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

std::string all_publish_properties() {
  return u8(0x01) + u8(1) + u8(0x02) + u32(3600) + u8(0x23) + u16(1) + u8(0x08) +
         text("answers/here") + u8(0x09) + text(std::string_view("\0\xFF", 2)) + u8(0x26) +
         text("first") + text("1") + u8(0x26) + text("first") + text("2") + u8(0x03) +
         text("application/json") + u8(0x26) + text("") + text("");
}

std::string levels(std::size_t count) {
  std::string topic = "0";
  for (std::size_t i = 1; i < count; ++i) topic += "/1";
  return topic;
}

/// The same in every version but for the property block.
void add_for_version(Packets& packets, Version version) {
  const std::string none = version == Version::v5_0 ? block("") : "";
  const auto add = [&](const char* name, unsigned first, const std::string& body,
                       std::optional<Reason> refused_with = {}) {
    packets.push_back({std::string("PUBLISH ") + name, version, packet(first, body), refused_with});
  };
  const auto to = [&](const std::string& topic) { return text(topic) + none + "payload"; };
  add("QoS 0", 0x30, to("a/b"));
  add("QoS 0 without a payload", 0x30, text("a") + none);
  add("retained", 0x31, to("a/b"));
  add("QoS 1", 0x32, text("a/b") + u16(1) + none + "payload");
  add("QoS 1 retained, sent again", 0x3B, text("a/b") + u16(65'535) + none + "payload");
  add("QoS 2", 0x34, text("a/b") + u16(10) + none + "payload");
  add("QoS 2 sent again", 0x3C, text("a/b") + u16(10) + none);
  add("with empty levels", 0x30, to("//"));
  add("to a topic that begins with $", 0x30, to("$SYS/broker/uptime"));
  add("to a topic in UTF-8", 0x30,
      to("m\xC3\xA9t\xC3\xA9o/\xE6\xB0\x97\xE6\xB8\xA9/\xF0\x9F\x8C\xA1"));
  add("to a topic with spaces and a byte order mark", 0x30, to("\xEF\xBB\xBF a b / c"));
  add("to a topic of 201 levels", 0x30, to(levels(201)));
  add("to a topic of 65,535 bytes", 0x30, to(std::string(65'535, 't')));
  add(
      "with all bytes in the payload", 0x30, text("a") + none + [] {
        std::string all;
        for (unsigned i = 0; i < 256; ++i) all += u8(i);
        return all;
      }());
  add("with a remaining length of three bytes", 0x30, text("a") + none + std::string(20'000, 'x'));
  add("QoS 3", 0x36, text("a/b") + u16(1) + none + "payload", Reason::malformed_packet);
  add("QoS 3 sent again", 0x3E, text("a/b") + u16(1) + none, Reason::malformed_packet);
  add("QoS 1 with packet identifier 0", 0x32, text("a/b") + u16(0) + none, Reason::protocol_error);
  add("QoS 2 with packet identifier 0", 0x34, text("a/b") + u16(0) + none, Reason::protocol_error);
  add("QoS 1 without a packet identifier", 0x32, text("a/b"), Reason::malformed_packet);
  add("without a topic", 0x30, "", Reason::malformed_packet);
  add("with a topic that does not fit", 0x30, u16(9) + "a/b", Reason::malformed_packet);
  add("with an empty topic", 0x30, to(""), Reason::malformed_packet);
  add("with '+' in the topic", 0x30, to("a/+/b"), Reason::malformed_packet);
  add("with '+' inside a level", 0x30, to("a+b"), Reason::malformed_packet);
  add("with '#' in the topic", 0x30, to("a/#"), Reason::malformed_packet);
  add("with '#' at the end of a long topic", 0x30, to("a/long/topic/name/here/#"),
      Reason::malformed_packet);
  add("to a topic of 202 levels", 0x30, to(levels(202)), Reason::malformed_packet);
  add("with U+0000 in the topic", 0x30, to(std::string("a/\0b/cdefghij", 13)),
      Reason::malformed_packet);
  add("with a surrogate in the topic", 0x30, to("\xED\xBF\xBF"), Reason::malformed_packet);
  add("with an overlong character in the topic", 0x30,
      to("a\xC0\xAF"
         "b"),
      Reason::malformed_packet);
  add("with half a character at the end of the topic", 0x30, to("ab\xE6\xB0"),
      Reason::malformed_packet);
}

void add_aliases_and_properties(Packets& packets) {
  const auto add = [&](const char* name, const std::string& topic, const std::string& properties,
                       std::optional<Reason> refused_with = {}) {
    packets.push_back({std::string("PUBLISH ") + name, Version::v5_0,
                       packet(0x30, text(topic) + properties + "payload"), refused_with});
  };
  add("with all properties", "a/b", block(all_publish_properties()));
  add("that gives a topic an alias", "a/b", block(u8(0x23) + u16(1)));
  add("with an alias in the place of a topic", "", block(u8(0x23) + u16(1)));
  add("with the largest alias", "a/b", block(u8(0x23) + u16(65'535)));
  add("with a message expiry of 0", "a/b", block(u8(0x02) + u32(0)));
  add("with the longest message expiry", "a/b", block(u8(0x02) + u32(0xFFFFFFFF)));
  add("with a long property block", "a/b",
      block(u8(0x26) + text("k") + text(std::string(20'000, 'v'))));
  add("with alias 0", "a/b", block(u8(0x23) + u16(0)), Reason::topic_alias_invalid);
  add("with alias 0 in the place of a topic", "", block(u8(0x23) + u16(0)),
      Reason::topic_alias_invalid);
  add("with a wildcard in the response topic", "a/b", block(u8(0x08) + text("answers/+")),
      Reason::protocol_error);
  add("with '#' for a response topic", "a/b", block(u8(0x08) + text("#")), Reason::protocol_error);
  add("with an empty response topic", "a/b", block(u8(0x08) + text("")), Reason::protocol_error);
  add("with a subscription identifier and nothing else", "a/b",
      block(u8(0x0B) + varint(268'435'455)), Reason::protocol_error);
  add("with properties longer than the packet", "a/b", u8(20), Reason::malformed_packet);
}

}  // namespace

Packets publish_packets() {
  Packets packets;
  add_for_version(packets, Version::v3_1);
  add_for_version(packets, Version::v3_1_1);
  add_for_version(packets, Version::v5_0);
  add_aliases_and_properties(packets);
  const std::string name = "PUBLISH QoS 0 sent again";
  packets.push_back({name, Version::v3_1, packet(0x38, text("a") + "x"), {}});
  packets.push_back(
      {name, Version::v3_1_1, packet(0x38, text("a") + "x"), Reason::malformed_packet});
  packets.push_back(
      {name, Version::v5_0, packet(0x38, text("a") + block("") + "x"), Reason::malformed_packet});
  packets.push_back({"PUBLISH without properties", Version::v5_0, packet(0x30, text("a")),
                     Reason::malformed_packet});
  return packets;
}

}  // namespace vectors
