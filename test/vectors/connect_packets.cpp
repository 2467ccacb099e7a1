#include "test/vectors/build.h"
#include "test/vectors/packets.h"

namespace vectors {
namespace {

using mqtt::Reason;
using mqtt::Version;

constexpr unsigned clean = 0x02;
constexpr unsigned will = 0x04;
constexpr unsigned will_qos_1 = 0x08;
constexpr unsigned will_qos_2 = 0x10;
constexpr unsigned will_retain = 0x20;
constexpr unsigned password = 0x40;
constexpr unsigned user_name = 0x80;

std::string header(const std::string& name, unsigned level, unsigned flags, unsigned keep_alive) {
  return text(name) + u8(level) + u8(flags) + u16(keep_alive);
}
std::string v3_1(unsigned flags, const std::string& rest) {
  return packet(0x10, header("MQIsdp", 3, flags, 60) + rest);
}
std::string v3_1_1(unsigned flags, const std::string& rest) {
  return packet(0x10, header("MQTT", 4, flags, 60) + rest);
}
std::string v5_0(unsigned flags, const std::string& properties, const std::string& rest) {
  return packet(0x10, header("MQTT", 5, flags, 60) + block(properties) + rest);
}

std::string all_properties() {
  return u8(0x11) + u32(0xFFFFFFFF) + u8(0x21) + u16(65'535) + u8(0x27) + u32(0xFFFFFFFF) +
         u8(0x22) + u16(65'535) + u8(0x19) + u8(1) + u8(0x17) + u8(0) + u8(0x26) + text("name") +
         text("value") + u8(0x26) + text("name") + text("again") + u8(0x15) + text("PLAIN") +
         u8(0x16) + text(std::string_view("\0me\0secret", 10));
}

std::string all_will_properties() {
  return u8(0x18) + u32(30) + u8(0x01) + u8(1) + u8(0x26) + text("a") + text("1") + u8(0x02) +
         u32(600) + u8(0x03) + text("text/plain") + u8(0x08) + text("answers/here") + u8(0x09) +
         text(std::string_view("\0\xFF\x01", 3)) + u8(0x26) + text("b") + text("");
}

void add_old_ones(Packets& packets) {
  const auto good = [&](const char* name, Version version, const std::string& bytes) {
    packets.push_back({std::string("CONNECT ") + name, version, bytes, {}});
  };
  good("3.1", Version::v3_1, v3_1(clean, text("client")));
  good("3.1 with all fields", Version::v3_1,
       v3_1(clean | will | will_qos_1 | will_retain | user_name | password,
            text("client") + text("will/topic") + text("gone") + text("user") + text("secret")));
  good("3.1 with more than 23 characters", Version::v3_1,
       v3_1(clean, text("a client identifier of more than 23 characters")));
  good("3.1 of a bridge", Version::v3_1, packet(0x10, header("MQIsdp", 0x83, 2, 0) + text("b")));
  good("3.1 with a reserved flag that then meant nothing", Version::v3_1,
       v3_1(clean | 1, text("client")));
  good("3.1 with will QoS and retain but no will", Version::v3_1,
       v3_1(clean | will_qos_1 | will_retain, text("client")));
  good("3.1 with a user name flag but no user name", Version::v3_1,
       v3_1(clean | user_name, text("client")));
  good("3.1 with a password flag but no password", Version::v3_1,
       v3_1(clean | user_name | password, text("client") + text("user")));
  good("3.1.1 without a client identifier", Version::v3_1_1, v3_1_1(clean, text("")));
  good("3.1.1", Version::v3_1_1, v3_1_1(clean, text("client")));
  good("3.1.1 of a stored session", Version::v3_1_1, v3_1_1(0, text("client")));
  good("3.1.1 with all fields", Version::v3_1_1,
       v3_1_1(clean | will | will_qos_2 | will_retain | user_name | password,
              text("client") + text("will/topic") + text("gone") + text("user") + text("secret")));
  good("3.1.1 with an empty will, user name and password", Version::v3_1_1,
       v3_1_1(clean | will | user_name | password,
              text("client") + text("w") + text("") + text("") + text("")));
  good("3.1.1 with a user name alone", Version::v3_1_1,
       v3_1_1(clean | user_name, text("client") + text("user")));
  good("3.1.1 of a bridge", Version::v3_1_1,
       packet(0x10, header("MQTT", 0x84, clean, 60) + text("host.bridge")));
  good("3.1.1 with a client identifier in UTF-8", Version::v3_1_1,
       v3_1_1(clean, text("\xEF\xBB\xBFlib\xC3\xA9llule \xF0\x9F\x90\x89")));
  good("3.1.1 with a client identifier of 65,535 bytes", Version::v3_1_1,
       v3_1_1(clean, text(std::string(65'535, 'c'))));
  good("3.1.1 with a password that holds U+0000", Version::v3_1_1,
       v3_1_1(clean | user_name | password,
              text("client") + text("user") + text(std::string_view("pass\0word", 9))));
}

void add_new_ones(Packets& packets) {
  const auto good = [&](const char* name, const std::string& bytes) {
    packets.push_back({std::string("CONNECT 5.0 ") + name, Version::v5_0, bytes, {}});
  };
  good("without a client identifier", v5_0(clean, "", text("")));
  good("of a stored session", v5_0(0, u8(0x11) + u32(3600), text("client")));
  good("without keep alive", packet(0x10, header("MQTT", 5, 0, 0) + block("") + text("client")));
  good("with the longest keep alive",
       packet(0x10, header("MQTT", 5, 0, 65'535) + block("") + text("client")));
  good("with all properties", v5_0(clean, all_properties(), text("client")));
  good("with a password alone", v5_0(clean | password, "", text("client") + text("secret")));
  good("with a will without properties",
       v5_0(clean | will, "", text("client") + block("") + text("w") + text("")));
  good("with everything",
       v5_0(clean | will | will_qos_1 | will_retain | user_name | password, all_properties(),
            text("client") + block(all_will_properties()) + text("will/topic") + text("gone") +
                text("user") + text("secret")));
  good("with a property block of two length bytes",
       v5_0(clean, u8(0x26) + text("padding") + text(std::string(300, 'p')), text("client")));
}

void add_broken_protocols(Packets& packets) {
  const auto bad = [&](const char* name, const std::string& protocol, unsigned level,
                       Reason reason) {
    const std::string rest = level == 5 ? block("") + text("client") : text("client");
    packets.push_back({std::string("CONNECT with ") + name, Version::v3_1_1,
                       packet(0x10, header(protocol, level, clean, 60) + rest), reason});
  };
  bad("an unknown protocol name", "MQTX", 4, Reason::malformed_packet);
  bad("no protocol name", "", 4, Reason::malformed_packet);
  bad("a protocol name in small letters", "mqtt", 4, Reason::malformed_packet);
  bad("a longer protocol name", "MQTTT", 4, Reason::malformed_packet);
  for (const unsigned level : {0U, 3U, 6U, 127U, 0x80U, 0x83U, 0x85U, 255U}) {
    bad("a level that MQTT does not have", "MQTT", level, Reason::unsupported_protocol_version);
  }
  for (const unsigned level : {0U, 2U, 4U, 5U, 0x84U, 0x85U}) {
    bad("a level that MQIsdp does not have", "MQIsdp", level, Reason::unsupported_protocol_version);
  }
  packets.push_back(
      {"CONNECT without a body", Version::v3_1_1, packet(0x10, ""), Reason::malformed_packet});
}

void add_broken_flags(Packets& packets, Version version, const std::string& properties) {
  const unsigned level = static_cast<unsigned>(version);
  const auto bad = [&](const char* name, unsigned flags, const std::string& rest) {
    packets.push_back({std::string("CONNECT with ") + name, version,
                       packet(0x10, header("MQTT", level, flags, 60) + properties + rest),
                       Reason::malformed_packet});
  };
  const std::string client = text("client");
  const std::string message = properties + text("w") + text("gone");
  bad("the reserved flag", clean | 1, client);
  bad("will QoS but no will", clean | will_qos_1, client);
  bad("will retain but no will", clean | will_retain, client);
  bad("will QoS 3", clean | will | will_qos_1 | will_qos_2, client + message);
  bad("a will flag but no will", clean | will, client);
  bad("a will without a payload", clean | will, client + properties + text("w"));
  bad("a will but no flag", clean, client + message);
  bad("a user name flag but no user name", clean | user_name, client);
  bad("a password flag but no password", clean | user_name | password, client + text("user"));
  bad("a user name but no flag", clean, client + text("user"));
  bad("a password but no flag", clean | user_name, client + text("user") + text("secret"));
  bad("bytes left over", clean, client + u8(0));
  bad("no client identifier", clean, "");
  bad("a client identifier that does not fit", clean, u16(7) + "client");
}

void add_broken_texts(Packets& packets, Version version, const std::string& properties) {
  const unsigned level = static_cast<unsigned>(version);
  const auto bad = [&](const char* name, unsigned flags, const std::string& rest,
                       Reason reason = Reason::malformed_packet) {
    packets.push_back({std::string("CONNECT with ") + name, version,
                       packet(0x10, header("MQTT", level, flags, 60) + properties + rest), reason});
  };
  const auto will_to = [&](std::string_view topic) {
    return text("client") + properties + text(topic) + text("gone");
  };
  bad("U+0000 in the client identifier", clean, text(std::string_view("cli\0ent", 7)),
      Reason::client_identifier_not_valid);
  bad("a client identifier that is not UTF-8", clean, text("cli\xFF"),
      Reason::client_identifier_not_valid);
  bad("a surrogate in the client identifier", clean, text("\xED\xA0\x80"),
      Reason::client_identifier_not_valid);
  bad("a user name that is not UTF-8", clean | user_name, text("client") + text("\xC0\x80"));
  bad("a will topic that is not UTF-8", clean | will, will_to("w\x80"));
  bad("an empty will topic", clean | will, will_to(""), Reason::protocol_error);
  bad("'+' in the will topic", clean | will, will_to("a/+"));
  bad("'#' in the will topic", clean | will, will_to("a/#"));
}

void add_broken_properties(Packets& packets) {
  const auto bad = [&](const char* name, const std::string& bytes, Reason reason) {
    packets.push_back({std::string("CONNECT with ") + name, Version::v5_0, bytes, reason});
  };
  const std::string client = text("client");
  bad("authentication data but no method", v5_0(clean, u8(0x16) + text("data"), client),
      Reason::protocol_error);
  bad("properties longer than the packet",
      packet(0x10, header("MQTT", 5, clean, 60) + u8(100) + client), Reason::malformed_packet);
  bad("no properties", packet(0x10, header("MQTT", 5, clean, 60)), Reason::malformed_packet);
  bad("will properties longer than the packet",
      v5_0(clean | will, "", client + u8(100) + text("w") + text("gone")),
      Reason::malformed_packet);
}

}  // namespace

Packets connect_packets() {
  Packets packets;
  add_old_ones(packets);
  add_new_ones(packets);
  add_broken_protocols(packets);
  add_broken_flags(packets, Version::v3_1_1, "");
  add_broken_flags(packets, Version::v5_0, block(""));
  add_broken_texts(packets, Version::v3_1_1, "");
  add_broken_texts(packets, Version::v5_0, block(""));
  add_broken_properties(packets);
  for (const unsigned flags : {1U, 2U, 4U, 8U}) {
    const auto add = [&](Version version, const std::string& rest, std::optional<Reason> reason) {
      const bool old = version == Version::v3_1;
      const auto level = static_cast<unsigned>(version);
      packets.push_back(
          {"CONNECT with header flags", version,
           packet(0x10 | flags, header(old ? "MQIsdp" : "MQTT", level, clean, 60) + rest), reason});
    };
    add(Version::v3_1, text("client"), std::nullopt);
    add(Version::v3_1_1, text("client"), Reason::malformed_packet);
    add(Version::v5_0, block("") + text("client"), Reason::malformed_packet);
  }
  const std::string alone = text("client") + text("secret");
  packets.push_back({"CONNECT 3.1.1 with a password alone", Version::v3_1_1,
                     v3_1_1(clean | password, alone), Reason::malformed_packet});
  packets.push_back({"CONNECT 3.1 with a password alone", Version::v3_1,
                     v3_1(clean | password, alone), Reason::malformed_packet});
  packets.push_back(
      {"CONNECT 3.1 with will QoS 3", Version::v3_1,
       v3_1(clean | will | will_qos_1 | will_qos_2, text("client") + text("w") + text("gone")),
       Reason::malformed_packet});
  return packets;
}

}  // namespace vectors
