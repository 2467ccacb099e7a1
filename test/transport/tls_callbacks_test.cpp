#include "transport/tls_callbacks.h"

#include <catch2/catch.hpp>
#include <ctime>
#include <fstream>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "test/transport/tls_server.h"

namespace transport {

namespace {

using State = TlsFilter::State;

}  // namespace

TEST_CASE("TLS-PSK: the identity is the user name, wrong keys and strangers are refused",
          "[tls_callbacks]") {
  TlsSite site;
  site.options = {};
  site.options.psk_hint = "hint";
  site.options.psk_file = site.folder.write("psk", "# devices\n\nann:0102030405\r\nbob:AAbb\n");
  site.options.user_name = TlsUserName::identity;
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const auto attempt = [&](const std::string& identity, const std::string& key) {
    TlsServer server(site.load());
    TlsClient client({.psk_identity = identity, .psk = key, .version = version});
    carry(server, client);
    CHECK((server.filter.state() == State::open) == client.error().empty());
    return server.filter.user_name().value_or("-");
  };
  CHECK(attempt("ann", "\x01\x02\x03\x04\x05") == "ann");
  CHECK(attempt("bob", "\xAA\xBB") == "bob");
  CHECK(attempt("bob", "\xAA\xBC") == "-");
  CHECK(attempt("eve", "\xAA\xBB") == "-");
}

TEST_CASE("the certificate is chosen by the host that the client asks for", "[tls_callbacks]") {
  TlsSite site;
  const TestCertificate second =
      make_certificate({.common_name = "second", .host = "*.b.test"}, site.authority);
  site.add(second, "second");
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const auto [host, name] = GENERATE(table<std::string, std::string>({
      {"a.test", "server"},
      {"x.b.test", "second"},
      {"X.B.TEST", "second"},
      {"b.test", "server"},
      {"", "server"},
  }));
  TlsServer server(site.load());
  TlsClient client({.host = host, .version = version});
  carry(server, client);
  REQUIRE(client.connected());
  CHECK(client.peer_name() == name);
}

TEST_CASE("ALPN: mqtt, or http/1.1 for WebSocket; a browser has no business with MQTT",
          "[tls_callbacks]") {
  const TlsSite site;
  using Names = std::vector<std::string>;
  const auto [protocol, offered, chosen, good] =
      GENERATE(table<Protocol, Names, std::string, bool>({
          {Protocol::mqtt, {}, "", true},
          {Protocol::mqtt, {"mqtt"}, "mqtt", true},
          {Protocol::mqtt, {"x-cloud", "mqtt"}, "mqtt", true},
          {Protocol::mqtt, {"x-cloud"}, "", true},
          {Protocol::mqtt, {"h2", "http/1.1"}, "", false},
          {Protocol::mqtt, {"http/1.1", "mqtt"}, "mqtt", true},
          {Protocol::websockets, {"http/1.1"}, "http/1.1", true},
          {Protocol::websockets, {"h2", "http/1.1"}, "http/1.1", true},
          {Protocol::websockets, {"mqtt"}, "", true},
      }));
  TlsServer server(site.load(protocol));
  TlsClient client({.protocols = offered});
  carry(server, client);
  CHECK(client.connected() == good);
  CHECK(client.protocol() == chosen);
}

TEST_CASE("an OCSP response is stapled to the certificate that it is about", "[tls_callbacks]") {
  TlsSite site;
  const TestCertificate second =
      make_certificate({.common_name = "second", .host = "b.test"}, site.authority);
  site.add(second, "second");
  const std::string response = make_ocsp_response(second, site.authority);
  site.options.ocsp_files = {site.folder.write("second.ocsp", response)};
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  const auto status = [&](const std::string& host) {
    TlsServer server(site.load());
    TlsClient client({.host = host, .version = version, .ask_for_status = true});
    carry(server, client);
    REQUIRE(client.connected());
    return client.status();
  };
  CHECK(status("b.test") == response);
  CHECK(status("a.test").empty());
  site.folder.write("second.ocsp", make_ocsp_response(second, site.authority, -1));
  CHECK(status("b.test").empty());
  CHECK(site.load()->warnings(std::time(nullptr)).size() == 1);
  const TestCertificate stranger = make_certificate({.common_name = "x"}, site.authority);
  site.folder.write("second.ocsp", make_ocsp_response(stranger, site.authority));
  CHECK(site.fault().find("second.ocsp: is about none of this listener's certificates") !=
        std::string::npos);
}

}  // namespace transport
