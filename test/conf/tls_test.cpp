#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "conf/convert.h"
#include "test/conf/configuration.h"

namespace {

using conf::Severity;
using conf_test::errors_of;
using conf_test::good;
using conf_test::is_in;
using conf_test::remarks_of;
using Texts = std::vector<std::string>;

const std::string pair = "certfile /c\nkeyfile /k\n";

Texts warnings_of(const std::string& text) { return remarks_of(good(text), Severity::warning); }

}  // namespace

TEST_CASE("certfile and keyfile turn TLS on, in pairs and in order", "[conf][tls]") {
  const std::string mosquitto =
      "listener 8883\ncertfile /1.crt\nkeyfile /1.key\ncertfile /2.crt\nkeyfile /2.key\n"
      "ocsp_file /1.ocsp\ntls_version tlsv1.3\ntls_session_tickets false\n"
      "ciphers_tls1.3 TLS_AES_128_GCM_SHA256\n";
  const std::string toml =
      "[[listener]]\nport = 8883\ncertfile = ['/1.crt', '/2.crt']\nkeyfile = ['/1.key', '/2.key']\n"
      "ocsp_file = '/1.ocsp'\ntls_version = 'tlsv1.3'\ntls_session_tickets = false\n"
      "'ciphers_tls1.3' = 'TLS_AES_128_GCM_SHA256'\n";
  for (const std::string& text : {mosquitto, toml}) {
    CAPTURE(text);
    const auto settings = good(text);
    REQUIRE(settings.listeners.size() == 1);
    const conf::TlsSettings& tls = settings.listeners[0].tls;
    CHECK(tls.is_on());
    CHECK(tls.certfiles == Texts{"/1.crt", "/2.crt"});
    CHECK(tls.keyfiles == Texts{"/1.key", "/2.key"});
    CHECK(tls.ocsp_files == Texts{"/1.ocsp"});
    CHECK(tls.tls1_3_only);
    CHECK_FALSE(tls.session_tickets);
    CHECK(tls.ciphers_tls1_3 == "TLS_AES_128_GCM_SHA256");
  }
}

TEST_CASE("a listener's own certificates replace those that it inherits", "[conf][tls]") {
  const auto settings =
      good(pair + "listener 1\nlistener 2\ncertfile /own.crt\nkeyfile /own.key\n");
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[0].tls.certfiles == Texts{"/c"});
  CHECK(settings.listeners[1].tls.certfiles == Texts{"/own.crt"});
  CHECK(settings.listeners[1].tls.keyfiles == Texts{"/own.key"});
}

TEST_CASE("TLS options that would let somebody in, or nobody, are errors", "[conf][tls]") {
  const auto [text, error] = GENERATE_COPY(table<std::string, std::string>({
      {"certfile /c\n", "2: 'certfile' has no 'keyfile'; each needs its own, in the same order"},
      {"keyfile /k\n", "2: 'keyfile' has no 'certfile'; each needs its own, in the same order"},
      {"cafile /ca\n",
       "2: 'cafile' stands at a listener without TLS; 'certfile' and 'keyfile' turn it on"},
      {"require_certificate true\n",
       "2: 'require_certificate' stands at a listener without TLS; "
       "'certfile' and 'keyfile' turn it on"},
      {pair + "require_certificate true\n",
       "4: 'require_certificate' needs 'cafile' or 'capath': whose certificates are good"},
      {pair + "use_identity_as_username true\n",
       "4: 'use_identity_as_username' needs 'cafile' or 'capath': whose certificates are good"},
      {"psk_hint h\n", "2: 'psk_hint' needs a 'psk_file' with the keys"},
      {pair + "psk_file /p\npsk_hint h\n",
       "5: 'psk_hint' and 'certfile' exclude each other; open one listener for each"},
      {"psk_file /p\npsk_hint h\nuse_subject_as_username true\n",
       "4: 'use_subject_as_username' lets nobody in where 'psk_hint' is: clients have no "
       "certificates there"},
      {pair + "tls_keyform engine\n",
       "4: 'tls_keyform engine' is not supported: OpenSSL 3 gives engines up; use a key in a file, "
       "see keyfile"},
      {pair + "tls_engine pkcs11\n",
       "4: 'tls_engine' is not supported: OpenSSL 3 gives engines "
       "up; use a key in a file, see keyfile"},
  }));
  CHECK(errors_of("listener 8883\n" + text) == Texts{error});
}

TEST_CASE("TLS options without effect are told, and old versions are raised", "[conf][tls]") {
  CHECK(warnings_of("listener 1\nciphers DEFAULT\n").size() == 1);
  CHECK(warnings_of("listener 1\n" + pair + "cafile /ca\ncrlfile /crl\n").size() == 1);
  CHECK(warnings_of("listener 1\n" + pair +
                    "cafile /ca\nuse_identity_as_username true\nuse_subject_as_username true\n")
            .size() == 1);
  CHECK(warnings_of("listener 1\n" + pair + "cafile /ca\nrequire_certificate true\ncrlfile /crl\n")
            .empty());
  CHECK(warnings_of("listener 1\nrequire_certificate false\n").empty());
  const auto settings = good("listener 1\n" + pair + "tls_version tlsv1\ndhparamfile /dh\n");
  const auto notices = remarks_of(settings, Severity::notice);
  REQUIRE(notices.size() == 2);
  CHECK(is_in("'dhparamfile' has no effect", notices[0]));
  CHECK(is_in("'tls_version tlsv1' is taken as tlsv1.2", notices[1]));
  CHECK_FALSE(settings.listeners[0].tls.tls1_3_only);
}

TEST_CASE("what several listeners inherit is told once", "[conf][tls]") {
  CHECK(errors_of("cafile /ca\nlistener 1\nlistener 2\n").size() == 1);
}

TEST_CASE("a PSK file may stand above all listeners", "[conf][tls]") {
  const auto settings =
      good("psk_file /p\nlistener 1\npsk_hint h\nuse_identity_as_username true\n");
  CHECK(settings.listeners[0].tls.is_on());
  CHECK(settings.listeners[0].security.psk_file == "/p");
}
