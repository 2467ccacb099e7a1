#include "conf/mosquitto_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/conf/configuration.h"

using conf::Protocol;
using conf::Severity;
using conf_test::errors_of;
using conf_test::Folder;
using conf_test::good;
using conf_test::is_in;
using conf_test::remarks_of;
using Texts = std::vector<std::string>;

TEST_CASE("lines are read as Mosquitto 2.0.11 reads them", "[conf]") {
  // Each was given to the real broker: does it start?
  const auto [text, starts] = GENERATE(table<std::string, bool>({
      {"  # indented comment\nlistener 1884\n", false},
      {"  listener 1884\n", true},
      {"listener\t1884\n", false},
      {"   \nlistener 1884\n", true},
      {"listener 1884\r\n\r\nallow_anonymous true\r\n", true},
      {"listener 1884\nallow_anonymous true # yes\n", true},
      {"listener 1884\nallow_anonymous TRUE\n", false},
      {"listener 1884\nallow_anonymous\n", false},
      {"listener 1884\nmax_keepalive 60 # yes\n", true},
      {"listener 1884\nmax_keepalive -1\n", false},
      {"listener 1884 # yes\n", true},
      {"listener 1884 127.0.0.1 # yes\n", true},
      {"listener 0\n", false},
      {"listener\n", false},
      {"listener 70000\n", false},
      {"listener 1884\nallow_anonymous true\nallow_anonymous false\n", true},
      {"listener 1884\nmax_keepalive 60\nmax_keepalive 70\n", true},
      {"listener 1884\nacl_file /tmp/a\nacl_file /tmp/b\n", true},  // of 2.1.2
      {"listener 1884\nuser root\nuser mosquitto\n", true},         // of 2.1.2
      {"listener 1884\nlog_timestamp_format a\nlog_timestamp_format b\n", false},
      {"port 1884\nport 1885\n", true},
      {"listener 1884\nprotocol mqtt\nprotocol websockets\n", true},
      {"listener 1884\nfoo bar\n", false},
      {"listener 1884\nallow_anonymous true\nper_listener_settings true\n", false},
      {"allow_anonymous true\nper_listener_settings false\nlistener 1884\n", true},
      {"listener 1884\npid_file   \n", false},
      {"include_dir /nonexistent\n", false},
      {"listener 1884\npersistent_client_expiration 2x\n", false},
      {"listener 1884\npersistent_client_expiration 2\n", false},
      {"listener 1884\nlog_dest foo\n", false},
      {"listener 1884\nlog_type foo\n", false},
      {"listener 1884\nlog_dest file\n", false},
      {"listener 1884\npid_file \xFF\xFE\n", false},
      {"listener 1884\npid_file /tmp/a\tb\n", false},
      {"listener 1884\nprotocol mqttsn\n", false},
      {"listener 1884\nmax_keepalive 60x\n", false},  // 2.1; 2.0 takes it
  }));
  CAPTURE(text);
  CHECK(errors_of(text).empty() == starts);
}

TEST_CASE("the last line needs no line end", "[conf]") {
  CHECK(good("max_keepalive 7").max_keepalive_seconds == 7);
  CHECK(good("max_keepalive 7\r").max_keepalive_seconds == 7);
  CHECK(good("").listeners.size() == 1);
  CHECK(good("#").listeners.size() == 1);
}

TEST_CASE("strings keep the spaces within them", "[conf]") {
  const auto settings = good("listener 1884\npid_file   /run/my broker.pid # not a comment  \r\n");
  CHECK(settings.pid_file == "/run/my broker.pid # not a comment");
  CHECK(good("log_dest file /var/log/my log.txt\n").log.destinations.at(0).path ==
        "/var/log/my log.txt");
  CHECK(good("pid_file \"/quoted\"\n").pid_file == "\"/quoted\"");
}

TEST_CASE("a line of 100 KB is read whole", "[conf]") {
  const std::string path = "/" + std::string(100'000, 'x');
  CHECK(good("pid_file " + path + "\n").pid_file == path);
  CHECK(good("# " + path + "\nmax_keepalive 7\n").max_keepalive_seconds == 7);
}

TEST_CASE("all errors are reported at once, with their lines", "[conf]") {
  const std::string kinds =
      "debug, error, warning, notice, information, subscribe, unsubscribe, websockets, internal, "
      "none or all";
  const auto errors = errors_of(
      "max_keepalives 600\n"
      "\n"
      "max_qos 3\n"
      "# comment\n"
      "allow_anonymous yes\n"
      "plugin_use x\n"
      "log_type loud\n");
  CHECK(errors == Texts{"1: Unknown option 'max_keepalives'; did you mean 'max_keepalive'?",
                        "3: 'max_qos' cannot be '3'; it is a number, 0 to 2",
                        "5: 'allow_anonymous' cannot be 'yes'; it is true or false",
                        "6: not built in yet: plugin_use",
                        "7: 'log_type' cannot be 'loud'; it is " + kinds});
}

TEST_CASE("an error is one line with file and line", "[conf]") {
  const auto settings = conf::load_text("plugin_use x\n", "/etc/m.conf");
  REQUIRE_FALSE(settings);
  CHECK(conf::format(settings.error().at(0)) ==
        "Error: not built in yet: plugin_use (/etc/m.conf:1)");
}

TEST_CASE("mistakes with blanks are named", "[conf]") {
  CHECK(errors_of("listener\t1884\n") ==
        Texts{"1: 'listener' is followed by a tab; it must be a space"});
  CHECK(errors_of(" # x\n") == Texts{"1: A comment begins with '#' in the first column"});
}

TEST_CASE("a second word that Mosquitto drops in silence is warned about", "[conf]") {
  const auto warnings = remarks_of(good("log_type error warning\n"), Severity::warning);
  REQUIRE(warnings.size() == 1);
  CHECK(warnings.at(0) ==
        "Warning: 'log_type' takes one value; 'warning' behind it is ignored (test.conf:1)");
}

TEST_CASE("listeners: port, address and unix socket", "[conf]") {
  const auto settings = good(
      "listener 1884\nlistener 1885 ::1\nmax_connections 5\nlistener 0 /run/mqtt.sock\n"
      "protocol websockets\n");
  REQUIRE(settings.listeners.size() == 3);
  CHECK(settings.listeners[0].port == 1884);
  CHECK(settings.listeners[0].address.empty());
  CHECK_FALSE(settings.listeners[0].loopback_only);
  CHECK(settings.listeners[1].address == "::1");
  CHECK(settings.listeners[1].max_connections == 5);
  CHECK(settings.listeners[2].port == 0);
  CHECK(settings.listeners[2].unix_socket_path == "/run/mqtt.sock");
  CHECK(settings.listeners[2].protocol == Protocol::websockets);
  CHECK(settings.listeners[2].max_connections == -1);
}

TEST_CASE("options of every kind reach their place", "[conf]") {
  const auto settings = good(
      "accept_protocol_versions 4, 5\nwebsockets_origin https://a\nwebsockets_origin https://b\n"
      "protocol websockets\nsocket_domain ipv6\nmount_point a/\nmaximum_qos 1\nport 99\n"
      "persistent_client_expiration 2w\nthreads 4\nmax_keepalive_cap true\nhttp_path /mqtt\n"
      "websockets_ping_interval 30\nuse_username_as_clientid true\nlog_facility 3\n"
      "websockets_headers_size 0\nmax_queued_bytes 99999999999\n");
  REQUIRE(settings.listeners.size() == 1);
  const auto& listener = settings.listeners[0];
  CHECK(listener.accept_protocol_versions == conf::ProtocolVersions{false, true, true});
  CHECK(listener.websockets_origins == Texts{"https://a", "https://b"});
  CHECK(listener.socket_domain == conf::SocketDomain::ipv6);
  CHECK(listener.mount_point == "a/");
  CHECK(listener.max_qos == 1);
  CHECK(listener.port == 99);
  CHECK(listener.http_path == "/mqtt");
  CHECK(listener.websockets_ping_interval_seconds == 30);
  CHECK(listener.use_username_as_clientid);
  CHECK(settings.persistent_client_expiration_seconds == 1'209'600U);
  CHECK(settings.threads == 4);
  CHECK(settings.max_keepalive_cap);
  CHECK(settings.log.facility == 3);
  CHECK(settings.websockets_headers_size_bytes == 8192);
  CHECK(settings.max_queued_bytes == 99'999'999'999U);
}

// Texts that 2.1.2 frees before it reads another one; all others are errors there.
TEST_CASE("of some texts the last one holds, with a warning", "[conf]") {
  const auto settings = good(
      "acl_file /a\nacl_file /b\npassword_file /c\npassword_file /d\nuser one\nuser two\n"
      "listener 1883\nmount_point x/\nmount_point y/\n");
  REQUIRE(settings.listeners.size() == 1);
  CHECK(settings.listeners[0].security.acl_file == "/b");
  CHECK(settings.listeners[0].security.password_file == "/d");
  CHECK(settings.listeners[0].mount_point == "y/");
  CHECK(settings.user == "two");
  CHECK(remarks_of(settings, Severity::warning) ==
        Texts{"Warning: 'acl_file' was already given in line 1 of test.conf: only this one holds "
              "(test.conf:2)",
              "Warning: 'password_file' was already given in line 3 of test.conf: only this one "
              "holds (test.conf:4)",
              "Warning: 'user' was already given in line 5 of test.conf: only this one holds "
              "(test.conf:6)",
              "Warning: 'mount_point' was already given in line 8 of test.conf: only this one "
              "holds (test.conf:9)"});
  CHECK(errors_of("pid_file /a\npid_file /b\n") ==
        Texts{"2: 'pid_file' was already given in line 1 of test.conf"});
}

TEST_CASE("a byte order mark in front of a file is no part of it", "[conf]") {
  CHECK(good("\xEF\xBB\xBFlistener 1884\n").listeners.at(0).port == 1884);
  CHECK(good("\xEF\xBB\xBF# nothing\nlistener 1884\n").listeners.at(0).port == 1884);
  CHECK(errors_of("\xEF\xBB\xBFlistener 1884\n\xEF\xBB\xBFlistener 1885\n").size() == 1);
}

TEST_CASE("durations", "[conf]") {
  const auto [text, seconds] = GENERATE(table<std::string, std::uint64_t>({{"5s", 5},
                                                                           {"2h", 7200},
                                                                           {"3d", 259'200},
                                                                           {"1w", 604'800},
                                                                           {"1m", 2'592'000},
                                                                           {"1y", 31'536'000}}));
  CHECK(good("persistent_client_expiration " + text).persistent_client_expiration_seconds ==
        seconds);
}

TEST_CASE("log destinations and types add up, and none takes them back", "[conf]") {
  using Kind = conf::LogDestinationKind;
  CHECK(good("").log.destinations.at(0).kind == Kind::standard_error);
  const auto log = good("log_dest syslog\nlog_dest file /x\nlog_dest syslog\n").log;
  REQUIRE(log.destinations.size() == 2);
  CHECK(log.destinations[0].kind == Kind::syslog);
  CHECK(log.destinations[1].path == "/x");
  CHECK(good("log_dest stdout\nlog_dest none\n").log.destinations.empty());
  CHECK(good("log_type error\n").log.types == static_cast<unsigned>(broker::LogType::error));
  CHECK(good("log_type all\nlog_type none\n").log.types == 0);
  CHECK(errors_of("log_dest dlt\n") == Texts{"1: not built in yet: log_dest dlt"});
}

TEST_CASE("a network device that is not here is an error with file and line", "[conf]") {
  CHECK(good("listener 1884\nbind_interface lo\n").listeners.at(0).bind_interface == "lo");
  const auto errors = errors_of(
      "bind_interface nodev0\nlistener 1884\nbind_interface lo\nlistener 1885\n"
      "bind_interface this_name_is_longer_than_any\nmax_qos 3\n");
  REQUIRE(errors.size() == 3);
  CHECK(is_in("6: 'max_qos'", errors[0]));
  CHECK(is_in("1: 'bind_interface': this machine has no network device 'nodev0'; it has ",
              errors[1]));
  CHECK(is_in("5: 'bind_interface'", errors[2]));
  const Folder folder;
  const auto file = folder.write("main.conf", "listener 1884\nbind_interface nodev0\n");
  CHECK(conf::load(file).error().at(0).file == file);
  CHECK(conf::convert(file));  // it may be meant for another machine
}

TEST_CASE("a file that is missing or a folder is an error", "[conf]") {
  const Folder folder;
  const auto missing = conf::load(folder.path() + "/none.conf");
  REQUIRE_FALSE(missing);
  CHECK(is_in("Unable to open config file '" + folder.path() + "/none.conf'",
              missing.error().at(0).text));
  CHECK_FALSE(conf::load(folder.path()));
}
