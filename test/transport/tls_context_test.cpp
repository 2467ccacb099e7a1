#include "transport/tls_context.h"

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

TEST_CASE("client certificates: the good one gets in, others are refused with the reason",
          "[tls]") {
  TlsSite site;
  const TestCertificate stranger_authority = make_authority("Stranger");
  const TestCertificate stranger = make_certificate({.common_name = "client"}, stranger_authority);
  const TestCertificate expired =
      make_certificate({.common_name = "old", .begins_days = -9, .ends_days = -2}, site.authority);
  const TestCertificate early =
      make_certificate({.common_name = "new", .begins_days = 2}, site.authority);
  const TestCertificate revoked = make_certificate({.common_name = "lost"}, site.authority);
  site.options.require_certificate = true;
  site.options.crl_file =
      site.folder.write("ca.crl", make_revocation_list(site.authority, {&revoked}));
  const auto attempt = [&](const TestCertificate* certificate) {
    const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
    TlsServer server(site.load());
    TlsClient client({.certificate = certificate, .version = version});
    carry(server, client);
    CHECK((server.filter.state() == State::open) == client.error().empty());
    return server.filter.why();
  };
  const std::string refused = "the client's certificate is refused: ";
  SECTION("good") { CHECK(attempt(&site.client).empty()); }
  SECTION("none") {
    CHECK(attempt(nullptr) == "the client has no certificate, and one is required");
  }
  SECTION("of a stranger") {
    CHECK(attempt(&stranger) == refused + "unable to get local issuer certificate");
  }
  SECTION("expired") { CHECK(attempt(&expired) == refused + "certificate has expired"); }
  SECTION("not yet valid") { CHECK(attempt(&early) == refused + "certificate is not yet valid"); }
  SECTION("revoked") { CHECK(attempt(&revoked) == refused + "certificate revoked"); }
  SECTION("without date checks") {
    site.options.disable_client_cert_date_checks = true;
    CHECK(attempt(&expired).empty());
    CHECK(attempt(&early).empty());
    CHECK(attempt(&revoked) == refused + "certificate revoked");
    CHECK(attempt(&stranger) == refused + "unable to get local issuer certificate");
  }
}

TEST_CASE("the user name is what the certificate says, if that is asked for", "[tls]") {
  TlsSite site;
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  std::string_view missing;
  const auto user = [&](const TestCertificate* certificate) {
    TlsServer server(site.load());
    TlsClient client({.certificate = certificate, .version = version});
    CHECK_FALSE(server.filter.user_name().has_value());
    carry(server, client);
    REQUIRE(server.filter.state() == State::open);
    missing = server.filter.missing_name();
    return server.filter.user_name().value_or("-");
  };
  site.options.require_certificate = true;
  CHECK(user(&site.client) == "-");
  CHECK(missing.empty());  // no client asks
  site.options.user_name = TlsUserName::identity;
  CHECK(user(&site.client) == "client");
  site.options.user_name = TlsUserName::subject;
  CHECK(user(&site.client) == "CN=client,O=Firm\\, Ltd");
  site.options.require_certificate = false;
  CHECK(user(&site.client) == "CN=client,O=Firm\\, Ltd");
  CHECK(user(nullptr) == "-");
  CHECK(missing == "it has no certificate");
  site.options.user_name = TlsUserName::identity;
  const TestCertificate nameless = make_certificate({.organization = "Firm"}, site.authority);
  CHECK(user(&nameless) == "-");
  CHECK(missing == "its certificate has no common name (CN) that can be a user name");
  const TestCertificate liar = make_certificate({.common_name = "a\nadmin"}, site.authority);
  CHECK(user(&liar) == "-");
}

TEST_CASE("sessions are resumed with tickets, and not past a reload", "[tls]") {
  TlsSite site;
  site.options.require_certificate = true;
  site.options.user_name = TlsUserName::identity;
  site.options.session_tickets = GENERATE(true, false);
  const int version = GENERATE(TLS1_2_VERSION, TLS1_3_VERSION);
  CAPTURE(site.options.session_tickets, version);
  const auto context = site.load();
  const auto connect = [&](const std::shared_ptr<const TlsContext>& with, SSL_SESSION* session) {
    TlsServer server(with);
    TlsClient client({.certificate = &site.client, .version = version, .session = session});
    carry(server, client);
    REQUIRE(server.filter.state() == State::open);
    CHECK(server.filter.user_name() == "client");
    CHECK(server.filter.resumed() == client.resumed());
    SSL_SESSION* const next = client.session();
    client.close();  // a session that ended badly cannot be resumed
    const bool resumed = client.resumed();
    if (session != nullptr) SSL_SESSION_free(session);
    return std::pair(resumed, next);
  };
  auto [resumed, session] = connect(context, nullptr);
  CHECK_FALSE(resumed);
  std::tie(resumed, session) = connect(context, session);
  CHECK(resumed == site.options.session_tickets);
  std::tie(resumed, session) = connect(site.load(), session);
  CHECK_FALSE(resumed);
  SSL_SESSION_free(session);
}

TEST_CASE("a ticket's key is replaced every hour and opens tickets for one more", "[tls]") {
  using namespace std::chrono_literals;
  TicketKeys keys;
  const auto start = TicketKeys::Clock::now();
  const auto first = keys.newest(start);
  REQUIRE(first.has_value());
  CHECK(keys.newest(start + 59min)->name == first->name);
  const auto second = keys.newest(start + 60min);
  CHECK(second->name != first->name);
  CHECK(second->cipher != first->cipher);
  CHECK(second->mac != first->mac);
  const auto old = keys.find(first->name.data(), start + 119min);
  REQUIRE(old.has_value());
  CHECK(old->renew);
  CHECK_FALSE(keys.find(second->name.data(), start + 119min)->renew);
  CHECK_FALSE(keys.find(first->name.data(), start + 120min).has_value());
  CHECK(keys.find(second->name.data(), start + 120min).has_value());
  CHECK_FALSE(keys.find(second->name.data(), start + 500min).has_value());
}

TEST_CASE("files that cannot be used are named, with what to do", "[tls]") {
  TlsSite site;
  const TestCertificate other = make_certificate({.common_name = "other"}, site.authority);
  auto& files = site.options.certificates[0];
  const auto says = [&](const std::string& text) {
    INFO(site.fault());
    return site.fault().find(text) != std::string::npos;
  };
  SECTION("missing") {
    files.certificate_file = site.folder.path("none.crt");
    CHECK(says("none.crt: cannot be opened: No such file or directory"));
  }
  SECTION("a folder") {
    files.certificate_file = site.folder.path("");
    CHECK(says("is not a regular file"));
  }
  SECTION("key of another certificate") {
    files.key_file = site.folder.write("other.key", other.key_pem());
    CHECK(says("other.key: is not the key of certificate "));
    CHECK(says("use the key that the certificate was made for"));
  }
  SECTION("key that everybody may read") {
    ::chmod(files.key_file.c_str(), 0644);
    CHECK(says("server.key: holds secrets, but everybody may read it"));
  }
  SECTION("key with a passphrase") {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), site.server.key.get(), EVP_aes_128_cbc(), nullptr, 0,
                             nullptr, const_cast<char*>("secret"));
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    site.folder.write("server.key", {text, static_cast<std::size_t>(size)});
    CHECK(says("server.key: is protected by a passphrase"));
    CHECK(says("openssl pkey -in "));
  }
  SECTION("not PEM") {
    site.folder.write("server.crt", "nothing");
    CHECK(says("server.crt: has no certificate in PEM form"));
  }
  SECTION("key and certificate exchanged") {
    std::swap(files.certificate_file, files.key_file);
    CHECK(says("server.key: has no certificate in PEM form"));
  }
  SECTION("not a key") {
    site.folder.write("server.key", "nothing");
    CHECK(says("server.key: has no private key in PEM form"));
  }
  SECTION("damaged intermediate") {
    site.folder.write("server.crt", site.server.certificate_pem() +
                                        "-----BEGIN CERTIFICATE-----\nAAAA\n"
                                        "-----END CERTIFICATE-----\n");
    CHECK(says("server.crt: has a damaged certificate behind the first 1"));
  }
  SECTION("no authority") {
    site.folder.write("ca.crt", "nothing");
    CHECK(says("ca.crt: has no certificates in PEM form"));
  }
  SECTION("missing authority") {
    site.options.ca_file = site.folder.path("none.crt");
    CHECK(says("none.crt: cannot be opened: No such file or directory"));
  }
  SECTION("capath is a file") {
    site.options.ca_path = site.options.ca_file;
    CHECK(says("ca.crt"));
  }
  SECTION("no revocation list") {
    site.options.crl_file = site.folder.write("ca.crl", "nothing");
    CHECK(says("ca.crl: has no revocation list in PEM form"));
  }
  SECTION("ciphers") {
    site.options.ciphers = "NONSENSE";
    CHECK(says("'ciphers' names none that OpenSSL has for TLS 1.2: NONSENSE"));
  }
  SECTION("cipher suites") {
    site.options.ciphers_tls1_3 = "NONSENSE";
    CHECK(says("'ciphers_tls1.3' names one that OpenSSL does not have for TLS 1.3: NONSENSE"));
  }
  SECTION("OCSP") {
    site.options.ocsp_files = {site.folder.write("x.ocsp", "nothing")};
    CHECK(says("x.ocsp: is not a successful OCSP response in DER form"));
  }
  SECTION("PSK") {
    const auto [text, why] = GENERATE(table<std::string, std::string>({
        {"a:00\nb\n", "psk:2: the line is not IDENTITY:KEY"},
        {":00\n", "psk:1: the line is not IDENTITY:KEY"},
        {"a:0\n", "psk:1: the line has a key that is not in hexadecimal"},
        {"a:0g\n", "psk:1: the line has a key that is not in hexadecimal"},
        {"a:\n", "psk:1: the line has a key that is not in hexadecimal"},
        {"a:00\na:01\n", "psk:2: the line has an identity that stands in the file twice"},
    }));
    site.options = {};
    site.options.psk_hint = "hint";
    site.options.psk_file = site.folder.write("psk", text);
    CHECK(says(why));
  }
  SECTION("PSK that everybody may read") {
    site.options = {};
    site.options.psk_hint = "hint";
    site.options.psk_file = site.folder.write("psk", "a:00\n");
    ::chmod(site.options.psk_file.c_str(), 0604);
    CHECK(says("psk: holds secrets, but everybody may read it"));
  }
}

TEST_CASE("secrets that everybody may read are used where that is allowed", "[tls]") {
  TlsSite site;
  ::chmod(site.options.certificates.front().key_file.c_str(), 0644);
  CHECK_FALSE(TlsContext::load(site.options, transport::Protocol::mqtt).has_value());
  site.options.refuse_open_secrets = false;
  CHECK(TlsContext::load(site.options, transport::Protocol::mqtt).has_value());
}

TEST_CASE("a byte order mark is no part of a PSK file", "[tls]") {
  TlsSite site;
  site.options = {};
  site.options.psk_hint = "hint";
  site.options.psk_file = site.folder.write("psk", "\xEF\xBB\xBF# keys\na:00\n");
  ::chmod(site.options.psk_file.c_str(), 0600);
  CHECK(TlsContext::load(site.options, transport::Protocol::mqtt).has_value());
}

TEST_CASE("the end of certificates is told 14 days before", "[tls]") {
  TlsSite site;
  const auto [days, line] = GENERATE(table<std::int64_t, std::string>({
      {15, ""},
      {13, "in 12 days: then clients refuse it; renew it"},
      {-1, "clients refuse it; renew it"},
  }));
  const TestCertificate certificate =
      make_certificate({.common_name = "x", .begins_days = -30, .ends_days = days}, site.authority);
  site.options.certificates.clear();
  site.add(certificate, "x");
  const auto context = site.load();
  const auto warnings = context->warnings(std::time(nullptr) + 3600);
  CHECK(warnings.size() == (line.empty() ? 0 : 1));
  for (const std::string& warning : warnings) {
    CHECK(warning.starts_with("certificate " + site.folder.path("x.crt") + " end"));
    CHECK(warning.ends_with(line));
  }
  REQUIRE(context->ends().has_value());
  CHECK(std::abs(*context->ends() - (std::time(nullptr) + days * 86'400)) < 10);
}

TEST_CASE("a chain is completed from cafile, once", "[tls]") {
  TlsSite site;
  TestSubject subject;
  subject.common_name = "Intermediate";
  subject.authority = true;
  const TestCertificate intermediate = make_certificate(subject, site.authority);
  const TestCertificate leaf =
      make_certificate({.common_name = "leaf", .host = "a.test"}, intermediate);
  site.options.certificates.clear();
  const bool in_file = GENERATE(true, false);
  const std::string pem = intermediate.certificate_pem();
  site.options.certificates.push_back(
      {site.folder.write("leaf.crt", leaf.certificate_pem() + (in_file ? pem : "")),
       site.folder.write("leaf.key", leaf.key_pem())});
  site.folder.write("ca.crt", site.authority.certificate_pem() + (in_file ? "" : pem));
  TlsServer server(site.load());
  TlsClient client({.authority = &site.authority, .host = "a.test"});
  carry(server, client);
  CHECK(client.error().empty());
  CHECK(client.connected());
}

TEST_CASE("secrets go to the key log", "[tls]") {
  TlsSite site;
  site.options.keylog_file = site.folder.path("keys");
  TlsServer server(site.load());
  TlsClient client;
  carry(server, client);
  std::ifstream file(site.options.keylog_file);
  std::string line;
  REQUIRE(std::getline(file, line));
  CHECK(line.find("SERVER_HANDSHAKE_TRAFFIC_SECRET ") != std::string::npos);
  struct stat status{};
  REQUIRE(::stat(site.options.keylog_file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
}

}  // namespace transport
