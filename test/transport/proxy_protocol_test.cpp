#include "transport/proxy_protocol.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "test/transport/pieces.h"

namespace transport {
namespace {

using Progress = ProxyHeaderReader::Progress;
using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view behind = "\x10\x0C what follows";

std::string u16(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value)};
}

std::string field(unsigned type, std::string_view value) {
  return std::string(1, static_cast<char>(type)) + u16(value.size()) + std::string(value);
}

/// Version 2 with that version and command, and that family and protocol.
std::string binary(unsigned command, unsigned family, std::string_view rest) {
  return "\r\n\r\n\0\r\nQUIT\n"s + static_cast<char>(command) + static_cast<char>(family) +
         u16(rest.size()) + std::string(rest);
}

/// From 192.0.2.7:49152 to 198.51.100.1:1883.
const std::string ipv4 = "\xC0\x00\x02\x07\xC6\x33\x64\x01"s + u16(49152) + u16(1883);
const std::string ipv6 = "\x20\x01\x0D\xB8"s + std::string(11, '\0') + "\x07" +
                         "\x20\x01\x0D\xB8"s + std::string(12, '\0') + u16(49152) + u16(1883);

std::string ssl(unsigned client, unsigned verify, std::string_view fields) {
  return field(
      0x20, std::string(1, static_cast<char>(client)) + u16(0) + u16(verify) + std::string(fields));
}

struct Outcome {
  Progress progress = Progress::incomplete;
  std::size_t used = 0;
  ProxyHeader header;
  std::string error;
};

Outcome read_all(ProxyVersion version, std::string_view stream, Cut cut) {
  ProxyHeaderReader reader(version);
  Outcome outcome;
  for (const std::string& piece : pieces(stream, cut)) {
    const auto [progress, used] = reader.read(mqtt::as_bytes(piece));
    CHECK(used <= piece.size());
    outcome.used += used;
    outcome.progress = progress;
    if (progress != Progress::incomplete) break;
    CHECK(used == piece.size());
  }
  outcome.header = reader.header();
  outcome.error = reader.error();
  return outcome;
}

Outcome read(ProxyVersion version, std::string_view stream) {
  const Outcome whole = read_all(version, stream, Cut::whole);
  for (const Cut cut : {Cut::halves, Cut::bytes, Cut::threes}) {
    const Outcome other = read_all(version, stream, cut);
    CHECK(other.progress == whole.progress);
    CHECK(other.error == whole.error);
    CHECK(other.header.source == whole.header.source);
    if (whole.progress == Progress::complete) CHECK(other.used == whole.used);
  }
  return whole;
}

/// A good header, with something behind it that is left alone.
ProxyHeader good(ProxyVersion version, const std::string& header) {
  CAPTURE(header);
  const Outcome outcome = read(version, header + std::string(behind));
  CHECK(outcome.error.empty());
  REQUIRE(outcome.progress == Progress::complete);
  CHECK(outcome.used == header.size());
  CHECK(read(version, header.substr(0, header.size() - 1)).progress == Progress::incomplete);
  return outcome.header;
}

std::string source_of(const ProxyHeader& header) {
  return header.source ? header.source->text_with_port() : "none";
}

}  // namespace

TEST_CASE("a PROXY header of version 1 names the client", "[proxy_protocol]") {
  const auto [line, source] = GENERATE(table<std::string, std::string>({
      {"PROXY TCP4 192.0.2.7 198.51.100.1 49152 1883", "192.0.2.7:49152"},
      {"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535", "2001:db8::7:1"},
      {"PROXY TCP6 ::ffff:192.0.2.7 ::1 80 1883", "192.0.2.7:80"},
      {"PROXY UNKNOWN", "none"},
      {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535", "none"},
  }));
  CHECK(source_of(good(ProxyVersion::v1, line + "\r\n")) == source);
}

TEST_CASE("what is no PROXY header of version 1 is refused with a reason", "[proxy_protocol]") {
  const auto [stream, error] = GENERATE(table<std::string, std::string>({
      {"GET / HTTP/1.1\r\n\r\n", "no PROXY protocol header came first"},
      {"PROXYTCP4 ", "no PROXY protocol header came first"},
      {"\x10\x0C\x00\x04MQTT"s, "no PROXY protocol header came first"},
      {"\r\nnothing", "no PROXY protocol header came first"},
      {binary(0x21, 0x11, ipv4),
       "the header is of version 2, 'enable_proxy_protocol 1' expects version 1"},
      {"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n", "its protocol is not TCP4, TCP6 or UNKNOWN"},
      {"PROXY \r\n", "its protocol is not TCP4, TCP6 or UNKNOWN"},
      {"PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n", "it has not two addresses and two ports"},
      {"PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n", "it has not two addresses and two ports"},
      {"PROXY TCP4 192.0.2.7  192.0.2.1 1 2\r\n", "it has not two addresses and two ports"},
      {"PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n", "an address is none"},
      {"PROXY TCP4 192.0.2.7 host 1 2\r\n", "an address is none"},
      {"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "an address is none"},
      {"PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n", "an address is none"},
      {"PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n", "a port is none"},
      {"PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n", "a port is none"},
      {"PROXY TCP4 192.0.2.7 192.0.2.1 1 -2\r\n", "a port is none"},
      {"PROXY UNKNOWN " + std::string(93, 'x') + "\r\n", "the header has no end within 107 bytes"},
      {"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n" + std::string(107, 'x'),
       "the header has no end within 107 bytes"},
  }));
  CAPTURE(stream);
  const Outcome outcome = read(ProxyVersion::v1, stream);
  CHECK(outcome.progress == Progress::malformed);
  CHECK(outcome.error == error);
}

TEST_CASE("the longest PROXY header of version 1 has 107 bytes", "[proxy_protocol]") {
  good(ProxyVersion::v1, "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n");
}

TEST_CASE("a PROXY header of version 2 names the client", "[proxy_protocol]") {
  const auto [header, source] = GENERATE(table<std::string, std::string>({
      {binary(0x21, 0x11, ipv4), "192.0.2.7:49152"},
      {binary(0x21, 0x21, ipv6), "2001:db8::7:49152"},
      {binary(0x21, 0x31, std::string(216, '/')), "unix"},
      {binary(0x21, 0x11, ipv4 + field(0x04, std::string(300, '\0'))), "192.0.2.7:49152"},
      {binary(0x20, 0x11, ipv4), "none"},        // LOCAL
      {binary(0x20, 0x00, ""), "none"},          //
      {binary(0x20, 0xFF, "anything"), "none"},  //
      {binary(0x21, 0x00, ""), "none"},          // UNSPEC
      {binary(0x21, 0x00, "anything"), "none"},  //
      {binary(0x21, 0x10, ipv4), "none"},        // of no protocol
  }));
  CHECK(source_of(good(ProxyVersion::v2, header)) == source);
}

TEST_CASE("what is no PROXY header of version 2 is refused with a reason", "[proxy_protocol]") {
  const auto [stream, error] = GENERATE(table<std::string, std::string>({
      {"GET / HTTP/1.1\r\n\r\n", "no PROXY protocol header came first"},
      {"\r\n\r\nxxxxxxxxxxxx", "no PROXY protocol header came first"},
      {"\x16\x03\x01", "no PROXY protocol header came first"},
      {"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
       "the header is of version 1, 'enable_proxy_protocol 2' expects version 2"},
      {binary(0x11, 0x11, ipv4), "its version is not 2"},
      {binary(0x22, 0x11, ipv4), "its command is not LOCAL or PROXY"},
      {binary(0x21, 0x41, ipv4), "its address family is not known"},
      {binary(0x21, 0x13, ipv4), "its address family is not known"},
      {binary(0x21, 0x12, ipv4), "it is about datagrams"},
      {binary(0x21, 0x11, ipv4.substr(1)), "it ends within its addresses"},
      {binary(0x21, 0x21, ipv4), "it ends within its addresses"},
      {binary(0x21, 0x31, std::string(215, '/')), "it ends within its addresses"},
      {binary(0x21, 0x11, ipv4 + "\x04"), "a field is longer than the header"},
      {binary(0x21, 0x11, ipv4 + "\x04" + u16(2) + "x"), "a field is longer than the header"},
      {binary(0x21, 0x11, ipv4 + field(0x03, "abc")), "its checksum has not four bytes"},
      {binary(0x21, 0x11, ipv4 + field(0x03, "abcd")), "its checksum is wrong"},
      {binary(0x21, 0x11, ipv4 + field(0x20, "abcd")), "its SSL field is too short"},
      {binary(0x21, 0x11, ipv4 + ssl(1, 0, "\x21")), "a field is longer than its SSL field"},
      {binary(0x21, 0x11, ipv4 + std::string(4096 - 16 - 11, 'x')),
       "the header is longer than 4096 bytes"},
      {binary(0x20, 0x00, std::string(65'535, 'x')), "the header is longer than 4096 bytes"},
  }));
  const Outcome outcome = read(ProxyVersion::v2, stream);
  CHECK(outcome.progress == Progress::malformed);
  CHECK(outcome.error == error);
}

TEST_CASE("the longest PROXY header of version 2 has 4096 bytes", "[proxy_protocol]") {
  good(ProxyVersion::v2,
       binary(0x21, 0x11, ipv4 + field(0x04, std::string(4096 - 16 - 12 - 3, '\0'))));
}

TEST_CASE("the checksum of a PROXY header is looked at if there is one", "[proxy_protocol]") {
  // Of this very header with 0 in place of the checksum, from another implementation of CRC32C.
  const std::string header = binary(0x21, 0x11, ipv4 + field(0x03, "\xC0\x0D\x97\xA6"s));
  CHECK(source_of(good(ProxyVersion::v2, header)) == "192.0.2.7:49152");
  std::string spoilt = header;
  spoilt[19] = '\x08';
  CHECK(read(ProxyVersion::v2, spoilt).error == "its checksum is wrong");
}

TEST_CASE("a PROXY header tells of the client's TLS", "[proxy_protocol]") {
  const std::string fields = field(0x21, "TLSv1.3") + field(0x22, "ann") +
                             field(0x23, "TLS_AES_256_GCM_SHA384") + field(0x24, "SHA256");
  const auto read_tls = [&](unsigned client, unsigned verify) {
    return good(ProxyVersion::v2, binary(0x21, 0x11, ipv4 + ssl(client, verify, fields)));
  };
  const ProxyHeader verified = read_tls(0x07, 0);
  REQUIRE(verified.tls);
  CHECK(verified.tls->version == "TLSv1.3");
  CHECK(verified.tls->cipher == "TLS_AES_256_GCM_SHA384");
  CHECK(verified.user_name() == "ann");
  CHECK(read_tls(0x05, 0).user_name() == "ann");  // shown when the session began
  CHECK(read_tls(0x03, 0).user_name() == "ann");
  CHECK_FALSE(read_tls(0x07, 1).user_name());  // not verified
  CHECK_FALSE(read_tls(0x01, 0).user_name());  // no certificate
  CHECK_FALSE(read_tls(0x06, 0).tls);          // no TLS
  CHECK_FALSE(good(ProxyVersion::v2, binary(0x21, 0x11, ipv4)).tls);
}

TEST_CASE("a common name that can be no user name is none", "[proxy_protocol]") {
  for (const std::string_view name : {"a\0b"sv, "a\nb"sv, "\x7F"sv, ""sv}) {
    const std::string header = binary(0x21, 0x11, ipv4 + ssl(0x07, 0, field(0x22, name)));
    CHECK_FALSE(good(ProxyVersion::v2, header).user_name());
  }
}

}  // namespace transport
