#include "transport/link/tls.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <optional>
#include <string>
#include <sys/stat.h>

#include "test/transport/tls_server.h"
#include "transport/link/tls_stage.h"

using transport::Cut;
using transport::LinkFault;
using transport::LinkTls;
using transport::LinkTlsOptions;
using transport::LinkTlsStage;
using transport::TlsServer;
using transport::TlsSite;
using State = LinkTlsStage::State;

namespace {

std::shared_ptr<const LinkTls> load(const LinkTlsOptions& options) {
  auto tls = LinkTls::load(options);
  if (!tls) FAIL(tls.error());
  return *tls;
}
LinkTlsOptions trusting(const TlsSite& site) { return {.ca_file = site.options.ca_file}; }

/// A client's end and a server's, and the plain bytes that the client got.
struct Pair {
  Pair(const TlsSite& site, const LinkTlsOptions& options, std::string host = "a.test")
      : server(site.load()), client(load(options), std::move(host)) {}

  /// Carries bytes until neither side has any.
  void carry(Cut cut = Cut::whole) {
    while (!wire.empty()) {
      std::string answers;
      for (const auto& piece : transport::pieces(take(), cut)) answers += server.read(piece);
      hear(answers, cut);
    }
  }
  void shake(Cut cut = Cut::whole) {
    client.begin(wire);
    carry(cut);
  }
  void hear(std::string_view bytes, Cut cut = Cut::whole) {
    for (const auto& piece : transport::pieces(bytes, cut)) {
      client.read(mqtt::as_bytes(piece), plain, wire);
    }
  }
  std::string take() {
    std::string text(mqtt::as_text(wire.view()));
    wire.clear();
    return text;
  }

  TlsServer server;
  LinkTlsStage client;
  mqtt::ByteBuffer plain;
  mqtt::ByteBuffer wire;
};

}  // namespace

TEST_CASE("a client shakes hands, speaks, and ends in order", "[link_tls]") {
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  const TlsSite site;
  Pair pair(site, trusting(site));
  pair.shake(cut);
  REQUIRE(pair.client.state() == State::open);
  CHECK(pair.client.description().starts_with("TLSv1.3 cipher TLS_"));
  const std::string large(40'000, 'x');
  pair.client.write(mqtt::as_bytes(large), pair.wire);
  pair.carry(cut);
  CHECK(pair.server.plain == large);
  pair.hear(pair.server.write(large), cut);
  CHECK(mqtt::as_text(pair.plain.view()) == large);
  pair.client.close(pair.wire);
  pair.carry(cut);
  CHECK(pair.server.filter.state() == transport::TlsFilter::State::ended);
  pair.hear(pair.server.close(), cut);
  CHECK(pair.client.state() == State::ended);
}

TEST_CASE("a certificate that is not trusted is told, with its authority", "[link_tls]") {
  const auto cut = GENERATE(Cut::whole, Cut::bytes);
  const TlsSite site;
  const TlsSite other;
  LinkTlsOptions options = trusting(other);
  Pair pair(site, options);
  pair.shake(cut);
  CHECK(pair.client.state() == State::failed);
  CHECK(pair.client.fault() == LinkFault::certificate);
  CAPTURE(pair.client.why());
  CHECK(pair.client.why().starts_with("the server's certificate is not trusted ("));
  CHECK(pair.client.why().ends_with(
      "issued by CN=Test CA): give the certificate of that authority as the CA file"));
  // The server hears why.
  CHECK(pair.server.filter.state() == transport::TlsFilter::State::failed);

  options.check_certificate = false;
  Pair careless(site, options, "b.test");
  careless.shake(cut);
  CHECK(careless.client.state() == State::open);
}

TEST_CASE("a certificate of another host is told, with its hosts", "[link_tls]") {
  const TlsSite site;
  LinkTlsOptions options = trusting(site);
  Pair pair(site, options, GENERATE("b.test", "127.0.0.1"));
  pair.shake();
  CHECK(pair.client.fault() == LinkFault::certificate);
  CAPTURE(pair.client.why());
  CHECK(pair.client.why().starts_with("the server's certificate is for a.test, not for "));

  options.check_host_name = false;
  Pair careless(site, options, "b.test");
  careless.shake();
  CHECK(careless.client.state() == State::open);

  options = trusting(site);
  options.server_name = "a.test";
  Pair named(site, options, "b.test");
  named.shake();
  CHECK(named.client.state() == State::open);
}

TEST_CASE("a certificate that has ended or not begun is told", "[link_tls]") {
  const bool ended = GENERATE(true, false);
  TlsSite site;
  site.options.certificates.clear();
  site.add(make_certificate({.common_name = "old",
                             .host = "a.test",
                             .begins_days = ended ? -10 : 5,
                             .ends_days = ended ? -1 : 10},
                            site.authority),
           "old");
  Pair pair(site, trusting(site));
  pair.shake();
  CHECK(pair.client.fault() == LinkFault::certificate);
  CAPTURE(pair.client.why());
  CHECK(pair.client.why().find(ended ? "has ended" : "is not valid before") != std::string::npos);
}

TEST_CASE("a client shows its certificate to a server that wants one", "[link_tls]") {
  TlsSite site;
  site.options.require_certificate = true;
  site.options.user_name = transport::TlsUserName::identity;
  LinkTlsOptions options = trusting(site);
  options.certificate_file = site.folder.write("c.crt", site.client.certificate_pem());
  options.key_file = site.folder.write("c.key", site.client.key_pem());
  Pair pair(site, options);
  pair.shake();
  CHECK(pair.client.state() == State::open);
  CHECK(pair.server.filter.user_name() == "client");

  Pair without(site, trusting(site));
  without.shake();
  CHECK(without.client.state() == State::failed);
  CHECK(without.client.fault() == LinkFault::tls);
  CAPTURE(without.client.why());
  CHECK(without.client.why().find("it wants a certificate of the client") != std::string::npos);
}

TEST_CASE("PSK takes the place of certificates", "[link_tls]") {
  TlsSite site;
  site.options = {};
  site.options.psk_file = site.folder.write("psk", "me:0123456789abcdef\n");
  LinkTlsOptions options{.psk_identity = "me", .psk_key = "0123456789ABCDEF"};
  Pair pair(site, options, "127.0.0.1");
  pair.shake(GENERATE(Cut::whole, Cut::bytes));
  CHECK(pair.client.state() == State::open);

  options.psk_key = "00";
  Pair wrong(site, options);
  wrong.shake();
  CHECK(wrong.client.fault() == LinkFault::tls);
  CAPTURE(wrong.client.why());
  CHECK(wrong.client.why().ends_with("the PSK key is wrong"));

  options.psk_identity = "you";
  Pair unknown(site, options);
  unknown.shake();
  CAPTURE(unknown.client.why());
  CHECK(unknown.client.why().find("PSK identity you") != std::string::npos);

  const TlsSite certificates;
  Pair none(certificates, options);
  none.shake();
  CHECK(none.client.state() == State::failed);
  CAPTURE(none.client.why());
  CHECK(none.client.why().find("takes no PSK") != std::string::npos);
}

TEST_CASE("names of ALPN are offered in order", "[link_tls]") {
  const TlsSite site;
  LinkTlsOptions options = trusting(site);
  options.alpn = {"x-amzn-mqtt-ca", "mqtt"};
  Pair pair(site, options);
  pair.shake();
  CHECK(pair.client.state() == State::open);
  options.alpn = {"http/1.1"};
  Pair browser(site, options);
  browser.shake();
  CAPTURE(browser.client.why());
  CHECK(browser.client.why().ends_with("it wants another name of ALPN"));
}

TEST_CASE("a port without TLS is told", "[link_tls]") {
  const auto* const bytes = GENERATE("\x20\x02\x01\x02\x03\x04\x05", "HTTP/1.1 400 Bad Request\r\n",
                                     "220 mail.example.com ESMTP\r\n");
  const TlsSite site;
  Pair pair(site, trusting(site));
  pair.client.begin(pair.wire);
  pair.hear(bytes, GENERATE(Cut::whole, Cut::bytes));
  CHECK(pair.client.fault() == LinkFault::tls);
  CAPTURE(pair.client.why());
  CHECK(pair.client.why().starts_with("the port speaks no TLS: "));
}

TEST_CASE("options that cannot be used are told", "[link_tls]") {
  const TlsSite site;
  const std::string missing = site.folder.path("missing");
  const std::string certificate = site.options.certificates[0].certificate_file;
  const auto fault = [](const LinkTlsOptions& options) {
    const auto tls = LinkTls::load(options);
    return tls ? std::string() : tls.error();
  };
  CHECK(fault({.ca_file = missing}) == missing + ": cannot be opened: No such file or directory");
  CHECK(fault({.ca_path = certificate}).ends_with("is not a folder; use cafile for a file"));
  CHECK(fault({.certificate_file = certificate}).ends_with("needs the file of its key"));
  CHECK(fault({.key_file = "k"}) == "k: a key needs the certificate that it is for");
  CHECK(fault({.psk_key = "00"}) == "a PSK key needs a PSK identity");
  CHECK(fault({.psk_identity = "me", .psk_key = "0"}) ==
        "the PSK key is not in hexadecimal, two digits for each byte");
  CHECK(fault({.ca_file = certificate, .psk_identity = "me", .psk_key = "00"}) ==
        "PSK takes the place of certificates: use one of the two");
  CHECK(fault({.alpn = {""}}) == "a name of ALPN has 1 to 255 bytes");
  CHECK(fault({.ciphers = "none"}).starts_with("'ciphers' names none"));
  CHECK(fault({}).empty());
}

TEST_CASE("checks that are switched off are warned of", "[link_tls]") {
  CHECK(load({})->warnings().empty());
  CHECK(load({.check_host_name = false})->warnings().size() == 1);
  CHECK(load({.check_certificate = false})->warnings().size() == 1);
  CHECK(
      load({.psk_identity = "me", .psk_key = "00", .check_host_name = false})->warnings().empty());
}

TEST_CASE("where an OCSP answer is required, it has to say that the certificate is good",
          "[link_tls]") {
  static constexpr int good = 0;
  static constexpr int revoked = 1;
  const auto [status, why] = GENERATE(table<std::optional<int>, std::string>({
      {good, ""},
      {std::nullopt, "the server has no OCSP answer about it"},
      {revoked, "the OCSP answer says that it is revoked"},
  }));
  TlsSite site;
  if (status) {
    site.options.ocsp_files = {site.folder.write(
        "server.ocsp", make_ocsp_response(site.server, site.authority, 7, *status))};
  }
  LinkTlsOptions options = trusting(site);
  options.require_ocsp = true;
  Pair pair(site, options);
  pair.shake();
  CAPTURE(pair.client.why());
  if (why.empty()) {
    CHECK(pair.client.state() == State::open);
  } else {
    CHECK(pair.client.fault() == LinkFault::certificate);
    CHECK(pair.client.why() == "the server's certificate is not proven good: " + why);
  }
  options.require_ocsp = false;
  Pair careless(site, options);
  careless.shake();
  CHECK(careless.client.state() == State::open);
}

TEST_CASE("an OCSP answer is of the issuer, or of a responder that the issuer has appointed",
          "[link_tls]") {
  TlsSite site;
  // Another authority is trusted as well, and no more than that.
  const transport::TestCertificate other = transport::make_authority("Other CA");
  LinkTlsOptions options;
  options.ca_file =
      site.folder.write("all.crt", site.authority.certificate_pem() + other.certificate_pem());
  options.require_ocsp = true;
  const auto [of_issuer, is_appointed, is_good] = GENERATE(table<bool, bool, bool>({
      {true, true, true},
      {true, false, false},
      {false, true, false},
  }));
  CAPTURE(of_issuer, is_appointed);
  const transport::TestCertificate signer = make_certificate(
      {.common_name = "responder", .signs_ocsp = is_appointed}, of_issuer ? site.authority : other);
  site.options.ocsp_files = {site.folder.write(
      "server.ocsp", make_ocsp_response(site.server, site.authority, 7, 0, &signer))};
  Pair pair(site, options);
  pair.shake();
  CAPTURE(pair.client.why());
  CHECK((pair.client.state() == State::open) == is_good);
  if (is_good) return;
  CHECK(pair.client.why() ==
        "the server's certificate is not proven good: the OCSP answer is not signed by a trusted "
        "authority");
}

TEST_CASE("secrets of connections are appended to a file for its owner alone", "[link_tls]") {
  const TlsSite site;
  LinkTlsOptions options = trusting(site);
  options.keylog_file = site.folder.path("keys");
  for (int connections = 0; connections < 2; ++connections) Pair(site, options).shake();
  std::ifstream file(options.keylog_file);
  int secrets = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")) ++secrets;
  }
  CHECK(secrets == 2);
  struct stat status{};
  REQUIRE(::stat(options.keylog_file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  options.keylog_file = site.folder.path("no/such/folder");
  const auto refused = LinkTls::load(options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().starts_with(options.keylog_file + ": cannot be opened for TLS secrets"));
}
