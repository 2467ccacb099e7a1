#include "transport/proxy_stage.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "test/transport/pieces.h"

namespace transport {
namespace {

using Progress = ProxyStage::Progress;

const std::string header = "PROXY TCP4 192.0.2.7 198.51.100.1 49152 1883\r\n";

ListenerOptions behind_proxy(ProxyVersion version = ProxyVersion::v1) {
  ListenerOptions listener;
  listener.proxy_protocol = version;
  return listener;
}

/// A PROXY header of version 2 for 192.0.2.7:49152, with these further fields.
std::string second_version(const std::string& fields = {}) {
  using namespace std::string_view_literals;
  std::string text("\r\n\r\n\0\r\nQUIT\n\x21\x11\0"sv);
  text.push_back(static_cast<char>(12 + fields.size()));
  text.append("\xC0\0\x02\x07\xC6\x33\x64\x01\xC0\0\x07\x5B"sv);
  text.append(fields);
  return text;
}

/// PP2_TYPE_SSL: the client used TLS 1.3, and no certificate of it was verified.
std::string tls_field() {
  using namespace std::string_view_literals;
  return std::string("\x20\0\x0F\x03\0\0\0\x01\x21\0\x07TLSv1.3"sv);
}

}  // namespace

TEST_CASE("a PROXY header names the client however it is cut", "[proxy_stage]") {
  const ListenerOptions listener = behind_proxy();
  ProxyStage stage(listener);
  const auto cut = pieces(header, GENERATE(Cut::whole, Cut::halves, Cut::bytes, Cut::threes));
  ProxyStage::Result result{Progress::incomplete, 0};
  for (const std::string& piece : cut) {
    REQUIRE(result.progress == Progress::incomplete);
    result = stage.read(mqtt::as_bytes(piece));
  }
  REQUIRE(result.progress == Progress::complete);
  CHECK(result.used == cut.back().size());
  CHECK(stage.header().source->text_with_port() == "192.0.2.7:49152");
  CHECK(stage.description() == "PROXY protocol");
}

TEST_CASE("bytes behind a PROXY header belong to the next stage", "[proxy_stage]") {
  const ListenerOptions listener = behind_proxy();
  ProxyStage stage(listener);
  CHECK(stage.read(mqtt::as_bytes(header + "next")).used == header.size());
}

TEST_CASE("another protocol in place of a PROXY header is named", "[proxy_stage]") {
  const ListenerOptions listener = behind_proxy();
  ProxyStage stage(listener);
  CHECK(stage.read(mqtt::as_bytes("GET / HTTP/1.1\r\n\r\n")).progress == Progress::refused);
  CHECK(stage.why().find("HTTP") != std::string::npos);
}

TEST_CASE("a PROXY header has to say what the listener asks for", "[proxy_stage]") {
  ListenerOptions listener = behind_proxy(ProxyVersion::v2);
  SECTION("that the client used TLS") {
    listener.proxy_requires_tls = true;
    ProxyStage without(listener);
    CHECK(without.read(mqtt::as_bytes(second_version())).progress == Progress::refused);
    CHECK(without.why().find("proxy_protocol_v2_require_tls") != std::string::npos);
    ProxyStage with(listener);
    CHECK(with.read(mqtt::as_bytes(second_version(tls_field()))).progress == Progress::complete);
    CHECK(with.description() == "PROXY protocol, TLSv1.3");
  }
  SECTION("where the client is") {
    using namespace std::string_literals;
    const std::string nameless = GENERATE("PROXY UNKNOWN\r\n"s, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s,
                                          "\r\n\r\n\0\r\nQUIT\n\x21\0\0\0"s);
    listener = behind_proxy(nameless[0] == 'P' ? ProxyVersion::v1 : ProxyVersion::v2);
    ProxyStage taken(listener);
    CHECK(taken.read(mqtt::as_bytes(nameless)).progress == Progress::complete);
    listener.proxy_must_name_client = true;
    ProxyStage refused(listener);
    const bool first = listener.proxy_protocol == ProxyVersion::v1;
    CHECK(refused.read(mqtt::as_bytes(nameless)).progress ==
          (first ? Progress::complete : Progress::refused));
    CHECK((refused.why().find("proxy_protocol_unknown_client") != std::string::npos) == !first);
  }
  SECTION("that it has a valid certificate") {
    listener.proxy_requires_certificate = true;
    ProxyStage without(listener);
    CHECK(without.read(mqtt::as_bytes(second_version(tls_field()))).progress == Progress::refused);
    CHECK(without.why().find("require_certificate") != std::string::npos);
  }
}

}  // namespace transport
