#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "conf/bridge_checks.h"
#include "conf/bridge_values.h"
#include "conf/convert.h"
#include "conf/load.h"
#include "conf/resolve.h"
#include "conf/source.h"
#include "test/conf/configuration.h"

using conf::BridgeDirection;
using conf::BridgeSettings;
using conf_test::errors_of;
using conf_test::is_in;
using Texts = std::vector<std::string>;

namespace {

/// "E3: TEXT", and W or N for warnings and notices.
Texts findings_of(std::string_view text, const std::string& file = "test.conf") {
  const conf::Source source = conf::read_source(text, file);
  conf::Diagnostics all = source.diagnostics;
  const auto more = conf::check_bridges(source);
  all.insert(all.end(), more.begin(), more.end());
  Texts texts;
  for (const conf::Diagnostic& each : all) {
    const char kind = each.severity == conf::Severity::error     ? 'E'
                      : each.severity == conf::Severity::warning ? 'W'
                                                                 : 'N';
    texts.push_back(kind + std::to_string(each.line) + ": " + each.text);
  }
  return texts;
}

std::vector<BridgeSettings> bridges_of(std::string_view text,
                                       const std::string& file = "test.conf") {
  CHECK(findings_of(text, file) == Texts{});
  return conf::resolve(conf::read_source(text, file)).bridges;
}

constexpr std::string_view everything =
    "connection edge\n"
    "addresses one.example two.example:1884 [2001:db8::1]:1885 192.0.2.1:1886\n"
    "topic # both 2 local/ remote/\n"
    "topic a/+/b in\n"
    "topic \"\" out 1 here there\n"
    "bridge_attempt_unsubscribe false\nbridge_bind_address 192.0.2.9\nbridge_connections 4\n"
    "bridge_max_packet_size 70000\nbridge_max_topic_alias 5\nbridge_outgoing_retain false\n"
    "bridge_protocol_version mqttv50\nbridge_receive_maximum 7\nbridge_reload_type immediate\n"
    "bridge_session_expiry_interval 3600\nbridge_tcp_keepalive 600 30 5\n"
    "bridge_tcp_user_timeout 30000\nbridge_cafile /ca\nbridge_capath /cas\nbridge_certfile /c\n"
    "bridge_keyfile /k\nbridge_alpn mqtt\nbridge_ciphers A\nbridge_ciphers_tls1.3 B\n"
    "bridge_path /p\nbridge_protocol websockets\nbridge_require_ocsp true\nbridge_tls_use_os_certs "
    "true\nbridge_tls_version "
    "tlsv1.3\n"
    "cleansession true\nidle_timeout 30\nkeepalive_interval 20\nlocal_cleansession false\n"
    "local_clientid l\nlocal_username lu\nlocal_password lp\nnotification_topic n/t\n"
    "notifications true\nnotifications_local_only true\nremote_clientid r\nremote_username ru\n"
    "remote_password rp\nrestart_timeout 10 60\nround_robin true\nstart_type lazy\nthreshold 3\n"
    "try_private false\n";

void check_everything(const BridgeSettings& bridge) {
  const BridgeSettings wanted = {
      .name = "edge",
      .addresses = {{"one.example", 1883},
                    {"two.example", 1884},
                    {"2001:db8::1", 1885},
                    {"192.0.2.1", 1886}},
      .topics = {{"#", BridgeDirection::both, 2, "local/", "remote/"},
                 {"a/+/b", BridgeDirection::in, 0, "", ""},
                 {"", BridgeDirection::out, 1, "here", "there"}},
      .connections = 4,
      .remote_clientid = "r",
      .remote_username = "ru",
      .remote_password = "rp",
      .local_clientid = "l",
      .local_username = "lu",
      .local_password = "lp",
      .cleansession = true,
      .local_cleansession = false,
      .start_type = conf::BridgeStart::lazy,
      .idle_timeout_seconds = 30,
      .threshold = 3,
      .restart = {.base_seconds = 10, .cap_seconds = 60},
      .round_robin = true,
      .keepalive_interval_seconds = 20,
      .notifications = true,
      .notifications_local_only = true,
      .notification_topic = "n/t",
      .try_private = false,
      .attempt_unsubscribe = false,
      .outgoing_retain = false,
      .protocol = conf::BridgeProtocol::v5_0,
      .websockets = true,
      .path = "/p",
      .max_packet_size_bytes = 70000,
      .max_topic_alias = 5,
      .receive_maximum = 7,
      .session_expiry_interval_seconds = 3600,
      .reload_immediately = true,
      .bind_address = "192.0.2.9",
      .tcp_keepalive = {.idle_seconds = 600, .interval_seconds = 30, .probes = 5},
      .tcp_user_timeout_milliseconds = 30000,
      .tls = {.cafile = "/ca",
              .capath = "/cas",
              .certfile = "/c",
              .keyfile = "/k",
              .identity = "",
              .psk = "",
              .alpn = "mqtt",
              .ciphers = "A",
              .ciphers_tls1_3 = "B",
              .use_os_certs = true,
              .insecure = false,
              .require_ocsp = true,
              .tls1_3_only = true},
  };
  CHECK(bridge == wanted);
}

}  // namespace

TEST_CASE("every option of a bridge reaches its place, in either form", "[conf]") {
  const auto bridges = bridges_of(everything);
  REQUIRE(bridges.size() == 1);
  check_everything(bridges.front());
  const std::string toml = conf::to_toml(conf::read_source(everything, "m.conf"));
  CAPTURE(toml);
  const auto converted = bridges_of(toml, "darter.toml");
  REQUIRE(converted.size() == 1);
  check_everything(converted.front());
}

TEST_CASE("the options of bridges are in the test of all of them", "[conf]") {
  // PSK excludes certificates, and a name that is not checked is warned about.
  for (const conf::Option& option : conf::options()) {
    const bool apart = option.name == "bridge_psk" || option.name == "bridge_identity" ||
                       option.name == "bridge_insecure" || option.name == "name" ||
                       option.name == "address";
    const bool works = option.availability == conf::Availability::works;
    if (option.scope != conf::Scope::bridge || apart || !works) continue;
    CHECK(is_in("\n" + std::string(option.name) + " ", "\n" + std::string(everything)));
  }
}

TEST_CASE("several bridges, with the defaults of Mosquitto", "[conf]") {
  const auto bridges = bridges_of(
      "connection a\naddress b:1\ntopic # out\ncleansession true\nlistener 1883\n"
      "connection c\naddress d\ntopic e in 1\nbridge_psk 0aF1\nbridge_identity i\n"
      "restart_timeout 20\nusername u\npassword p\nclientid id\n");
  REQUIRE(bridges.size() == 2);
  CHECK(bridges[0].local_cleansession);
  CHECK(bridges[0].restart == conf::BridgeRestart{5, 30});
  CHECK(bridges[0].keepalive_interval_seconds == 60);
  CHECK(bridges[0].notifications);
  CHECK(bridges[0].try_private);
  CHECK_FALSE(bridges[0].tls.is_on());
  CHECK(bridges[1].restart == conf::BridgeRestart{20, 0});
  CHECK(bridges[1].tls.psk == "0aF1");
  CHECK(bridges[1].tls.is_on());
  CHECK(bridges[1].remote_username == "u");
  CHECK(bridges[1].remote_password == "p");
  CHECK(bridges[1].remote_clientid == "id");
  CHECK_FALSE(bridges[1].local_cleansession);
}

TEST_CASE("topics of a bridge: which can be", "[conf]") {
  const auto [text, fault] = GENERATE(table<std::string, std::string>({
      {"# OUT", ""},
      {"a both 2 # comment", ""},
      {"a in # comment", ""},
      {"a out 1 l/ # comment", ""},
      {"\"\" both 0 local remote", ""},
      {"# out 0 \"\" \"\"", ""},
      {"$SYS/broker/# in 0 remote/", ""},
      {"\"\" out 0 local \"\"", "needs a local and a remote prefix"},
      {"\"\" out 0 \"\" remote", "needs a local and a remote prefix"},
      {"\"\"", "needs a local and a remote prefix"},
      {"# up", "'up'"},
      {"# # comment", "'#'"},
      {"# out 3", "'3'"},
      {"# out x", "'x'"},
      {"a/#/b out", "'a/#/b'"},
      {"a out 0 l/+/", "'l/+/'"},
      {"# out 0 no-slash", "'no-slash#'"},
  }));
  CAPTURE(text);
  const auto topic = conf::parse_bridge_topic(text);
  CHECK(topic.has_value() == fault.empty());
  if (!topic) CHECK(is_in(fault, topic.error()));
}

TEST_CASE("addresses of a bridge: which can be", "[conf]") {
  for (const std::string_view good :
       {"a", "a:1", "[::1]", "[::1]:9", "::1:1883", "a b c:3", "mqtt://a", "wss://[::1]:9/p?q",
        "unix:/run/a", "unix:///run/a"}) {
    CAPTURE(good);
    CHECK(conf::parse_bridge_addresses(good));
  }
  for (const std::string_view bad : {":1883", "a:", "a:0", "a:65536", "a:b", "[::1]x", "[]:1",
                                     "http://a", "wss:///p", "ws://u:p@a", "unix:a"}) {
    CAPTURE(bad);
    CHECK_FALSE(conf::parse_bridge_addresses(bad));
  }
}

TEST_CASE("an address that is a URL says how it is spoken to", "[conf]") {
  const auto addresses = conf::parse_bridge_addresses("wss://a/p mqtts://b:1 unix:///run/c ws://d");
  REQUIRE(addresses.has_value());
  using conf::BridgeScheme;
  CHECK(*addresses ==
        std::vector<conf::BridgeAddress>{{"a", 443, BridgeScheme::wss, "/p"},
                                         {"b", 1, BridgeScheme::mqtts, ""},
                                         {"", 1883, BridgeScheme::unix_socket, "/run/c"},
                                         {"d", 80, BridgeScheme::ws, ""}});
  CHECK(findings_of("connection a\naddress mqtts://b\ntopic # out\nbridge_alpn mqtt\n") == Texts{});
}

TEST_CASE("two bridges may not have one session", "[conf]") {
  CHECK(findings_of("connection a\naddress b\ntopic #\nremote_clientid c\n"
                    "connection d\naddress b\ntopic #\nremote_clientid c\n") ==
        Texts{"E8: Another bridge has the 'local_clientid' 'local.c' already"});
}

TEST_CASE("a bridge is checked as a whole, each fault with its line", "[conf]") {
  const std::string head = "connection a\naddress b\ntopic # out\n";
  const auto [text, finding] = GENERATE(table<std::string, std::string>({
      {"bridge_psk 0a\n", "E4: 'bridge_psk' needs 'bridge_identity'"},
      {"bridge_identity i\n", "E4: 'bridge_identity' needs 'bridge_psk'"},
      {"bridge_identity i\nbridge_psk 0\n",
       "E5: 'bridge_psk' is no key in hex, two digits for each byte"},
      {"bridge_identity i\nbridge_psk 0a\nbridge_cafile c\n",
       "E6: 'bridge_cafile' and 'bridge_psk' exclude each other: a bridge has one kind of TLS"},
      {"bridge_cafile c\nbridge_certfile c\n", "E5: 'bridge_certfile' needs 'bridge_keyfile'"},
      {"bridge_alpn x\n",
       "E4: 'bridge_alpn' stands at a bridge without TLS; 'bridge_cafile', 'bridge_capath' or "
       "'bridge_tls_use_os_certs true' turns it on, as an address mqtts:// or wss:// does"},
      {"bridge_cafile c\nbridge_tls_version tlsv1\n",
       "N5: 'bridge_tls_version tlsv1' is taken as tlsv1.2: older versions are broken"},
      {"notification_topic a/#\n", "E4: 'notification_topic' is no topic name"},
      {"remote_password p\n", "W4: 'remote_password' has no effect without 'remote_username'"},
      {"bridge_receive_maximum 5\n",
       "W4: 'bridge_receive_maximum' has no effect without 'bridge_protocol_version mqttv50'"},
      {"keepalive_interval 2\n", "N4: 'keepalive_interval' is too low: it is taken as 5 seconds"},
      {"restart_timeout 0\n", "N4: 'restart_timeout' is too low: it is taken as 1 second"},
      {"restart_timeout 5 4\n", "E4: 'restart_timeout' has a cap below its base"},
      {"restart_timeout x\n",
       "E4: 'restart_timeout' cannot be 'x'; it is 1 or 2 numbers, 0 to 2147483647"},
      {"bridge_tcp_keepalive 1 2\n",
       "E4: 'bridge_tcp_keepalive' cannot be '1 2'; it is 3 numbers, 1 to 65535"},
      {"address c\n", "E4: 'address' was already given in line 2 of test.conf"},
      {"topic a up\n", "E4: 'topic' has the direction 'up'; it is out, in or both"},
      {"connection a\naddress b\ntopic # in\n", "E4: Another bridge has the name 'a' already"},
      {"name b\n", "E4: 'name' belongs to darter.toml; here it is 'connection NAME'"},
  }));
  CAPTURE(text);
  CHECK(findings_of(head + text) == Texts{finding});
}

TEST_CASE("a bridge without an address or a topic goes nowhere", "[conf]") {
  CHECK(findings_of("connection a\n") ==
        Texts{"E1: Bridge 'a' has no 'address'", "E1: Bridge 'a' has no 'topic'"});
  CHECK(findings_of("connection\naddress a\ntopic #\n") == Texts{"E1: 'connection' has no name"});
  CHECK(findings_of("address a\n") ==
        Texts{"E1: 'address' belongs to a bridge: it stands below 'connection'"});
  CHECK(findings_of("[[connection]]\naddress = \"a\"\ntopic = [\"#\"]\nmax_qos = 1\n") ==
        Texts{"E1: A [[connection]] needs a 'name'",
              "E4: 'max_qos' is no option of a bridge: it stands above all [[connection]]"});
  CHECK(findings_of("cleansession = true\n") ==
        Texts{"E1: 'cleansession' belongs to a bridge: it stands in a [[connection]]"});
}

TEST_CASE("a remote broker whose certificate is not checked is warned about", "[conf]") {
  const auto findings =
      findings_of("connection a\naddress b\ntopic # out\nbridge_cafile c\nbridge_insecure true\n");
  REQUIRE(findings.size() == 1);
  CHECK(is_in("W5: Bridge 'a' does not check the name", findings.front()));
}
