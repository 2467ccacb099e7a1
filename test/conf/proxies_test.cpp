#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/conf/configuration.h"

namespace {

using conf::Severity;
using conf_test::errors_of;
using conf_test::good;
using conf_test::is_in;
using conf_test::remarks_of;
using Texts = std::vector<std::string>;

Texts warnings_of(const std::string& text) { return remarks_of(good(text), Severity::warning); }

}  // namespace

TEST_CASE("a listener is told what its proxies say, in both forms", "[conf][proxy]") {
  const std::string mosquitto =
      "listener 1883 127.0.0.1\nenable_proxy_protocol 2\nproxy_protocol_v2_require_tls true\n"
      "trusted_proxies 10.0.0.0/8, ::1\ntrusted_proxies unix\n"
      "listener 9001\nprotocol websockets\nreal_ip_header X-Real-IP\n";
  const std::string toml =
      "[[listener]]\nport = 1883\nbind_address = '127.0.0.1'\nproxy_protocol = 2\n"
      "proxy_protocol_v2_require_tls = true\ntrusted_proxies = ['10.0.0.0/8', '::1', 'unix']\n"
      "[[listener]]\nport = 9001\nprotocol = 'websockets'\nreal_ip_header = 'X-Real-IP'\n";
  for (const std::string& text : {mosquitto, toml}) {
    CAPTURE(text);
    const auto listeners = good(text).listeners;
    REQUIRE(listeners.size() == 2);
    CHECK(listeners[0].proxy_protocol == 2);
    CHECK(listeners[0].proxy_protocol_requires_tls);
    CHECK(listeners[0].trusted_proxies == Texts{"10.0.0.0/8", "::1", "unix"});
    CHECK(listeners[1].proxy_protocol == 0);
    CHECK(listeners[1].trusted_proxies.empty());
    CHECK(listeners[1].real_ip_header == conf::RealIpHeader::x_real_ip);
  }
}

TEST_CASE("trusted_proxies of a listener replaces that of all", "[conf][proxy]") {
  const auto listeners =
      good("trusted_proxies 10.0.0.1\nlistener 1\nlistener 2\ntrusted_proxies none\n").listeners;
  REQUIRE(listeners.size() == 2);
  CHECK(listeners[0].trusted_proxies == Texts{"10.0.0.1"});
  CHECK(listeners[1].trusted_proxies == Texts{"none"});
}

TEST_CASE("what is no network is said", "[conf][proxy]") {
  for (const std::string bad : {"10.0.0.0/33", "10.0.0", "host", "::/129", "10.0.0.1 none",
                                "::ffff:10.0.0.0/8", "10.0.0.0/", ","}) {
    CAPTURE(bad);
    const Texts errors = errors_of("trusted_proxies " + bad + "\n");
    REQUIRE(errors.size() == 1);
    CHECK(is_in("'trusted_proxies' cannot be", errors.front()));
  }
}

TEST_CASE("the proxy answers for certificates where TLS ends in it", "[conf][proxy]") {
  const std::string listener = "listener 1883 127.0.0.1\nenable_proxy_protocol ";
  const std::string identity = "use_identity_as_username true\nrequire_certificate true\n";
  CHECK(errors_of(listener + "2\n" + identity).empty());
  CHECK(errors_of(listener + "1\n" + identity).size() == 2);
  const Texts errors = errors_of(listener + "2\nuse_subject_as_username true\n");
  REQUIRE(errors.size() == 1);
  CHECK(is_in("'use_subject_as_username' does not go with 'enable_proxy_protocol'", errors[0]));
  // With TLS of its own the broker sees the certificate itself.
  CHECK(errors_of(listener + "2\ncertfile /c\nkeyfile /k\ncafile /a\n"
                             "use_subject_as_username true\n")
            .empty());
}

TEST_CASE("only a header of version 2 tells of TLS", "[conf][proxy]") {
  for (const std::string version : {"", "enable_proxy_protocol 1\n"}) {
    const Texts errors =
        errors_of("listener 1883 127.0.0.1\n" + version + "proxy_protocol_v2_require_tls true\n");
    REQUIRE(errors.size() == 1);
    CHECK(is_in("needs 'enable_proxy_protocol 2'", errors.front()));
  }
}

TEST_CASE("a listener that believes everybody is warned of", "[conf][proxy]") {
  const std::string option = "enable_proxy_protocol 1\n";
  REQUIRE(warnings_of("listener 1883\n" + option).size() == 1);
  CHECK(is_in("believes whoever connects", warnings_of("listener 1883\n" + option).front()));
  CHECK(warnings_of("listener 1883\ntrusted_proxies 10.0.0.1\n" + option).empty());
  CHECK(warnings_of("trusted_proxies 10.0.0.1\nlistener 1883\n" + option).empty());
  CHECK(warnings_of("listener 1883 127.0.0.1\n" + option).empty());
  CHECK(warnings_of("listener 0 /run/x.sock\n" + option).empty());
}

TEST_CASE("a unix socket has a mode and an owner", "[conf][proxy]") {
  for (const std::string mode : {"660", "0660"}) {
    const auto listeners =
        good("listener 0 /run/x.sock\nunix_socket_mode " + mode + "\nunix_socket_owner :www-data\n")
            .listeners;
    REQUIRE(listeners.size() == 1);
    CHECK(listeners[0].unix_socket_mode == 0660);
    CHECK(listeners[0].unix_socket_owner == ":www-data");
  }
  for (const std::string bad : {"66", "0668", "1660", "rw", "00660"}) {
    CHECK(errors_of("listener 0 /run/x.sock\nunix_socket_mode " + bad + "\n").size() == 1);
  }
  CHECK(warnings_of("listener 1883 127.0.0.1\nunix_socket_mode 660\n").size() == 1);
  CHECK(warnings_of("listener 1883 127.0.0.1\nreal_ip_header Forwarded\n").size() == 1);
}
