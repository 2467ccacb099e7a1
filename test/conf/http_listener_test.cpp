#include <catch2/catch.hpp>
#include <string>

#include "conf/convert.h"
#include "test/conf/configuration.h"

using conf::Protocol;
using conf::Severity;
using conf_test::errors_of;
using conf_test::good;
using conf_test::remarks_of;
using Texts = std::vector<std::string>;

TEST_CASE("http_listener listens on the loopback addresses unless it has an address", "[conf]") {
  const auto [text, port, address, loopback] = GENERATE(table<std::string, int, std::string, bool>({
      {"listener 1883\nhttp_listener 9100\n", 9100, "", true},
      {"listener 1883\nhttp_listener 9100 127.0.0.2\n", 9100, "127.0.0.2", false},
      {"[[listener]]\nport = 1883\n[[http_listener]]\nport = 9100\n", 9100, "", true},
      {"[[listener]]\nport = 1883\n[[http_listener]]\nport = 9100\nbind_address = '127.0.0.2'",
       9100, "127.0.0.2", false},
  }));
  const auto settings = good(text);
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[0].protocol == Protocol::mqtt);
  CHECK(settings.listeners[1].protocol == Protocol::http);
  CHECK(settings.listeners[1].port == port);
  CHECK(settings.listeners[1].address == address);
  CHECK(settings.listeners[1].loopback_only == loopback);
  CHECK(remarks_of(settings, Severity::notice).empty());
}

TEST_CASE("http_listener on a unix socket", "[conf]") {
  const std::string text = GENERATE("http_listener 0 /run/http\nunix_socket_mode 600\n",
                                    "[[http_listener]]\nunix_socket_path = '/run/http'\n"
                                    "unix_socket_mode = '600'\n");
  const auto settings = good(text);
  REQUIRE(settings.listeners.size() == 2);  // the default listener for clients is there, too
  const conf::Listener& listener = settings.listeners[0];
  CHECK(listener.protocol == Protocol::http);
  CHECK(listener.unix_socket_path == "/run/http");
  CHECK(listener.unix_socket_mode == 0600);
  CHECK(listener.port == 0);
  CHECK_FALSE(listener.loopback_only);
}

TEST_CASE("an http_listener is no listener for clients: theirs is opened as without it", "[conf]") {
  const auto settings = good("http_listener 9100\n");
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[1].protocol == Protocol::mqtt);
  CHECK(settings.listeners[1].port == 1883);
  CHECK(settings.listeners[1].loopback_only);
  CHECK(settings.listeners[1].security.allow_anonymous);

  const auto old = good("port 1884\nhttp_listener 9100\n");
  REQUIRE(old.listeners.size() == 2);
  CHECK(old.listeners[1].port == 1884);
  CHECK_FALSE(old.listeners[1].loopback_only);
}

TEST_CASE("faults of an http_listener name it", "[conf]") {
  CHECK(errors_of("http_listener\n") == Texts{"1: 'http_listener' has no port"});
  CHECK(errors_of("http_listener 0\n") ==
        Texts{"1: 'http_listener 0' needs the path of a unix socket"});
  CHECK(errors_of("http_listener 70000\n").front().starts_with("1: 'http_listener': "));
  CHECK(errors_of("[[http_listener]]\nprotocol = 'mqtt'\n") ==
        Texts{"1: A [[http_listener]] needs a 'port' or 'unix_socket_path'"});
}

TEST_CASE("options of WebSockets have no effect on an http_listener", "[conf]") {
  const auto settings =
      good("http_listener 9100\nhttp_dir /\nhttp_path /mqtt\nprotocol websockets\n");
  CHECK(settings.listeners[0].protocol == Protocol::http);
  CHECK(settings.listeners[0].http_dir == "/");
  CHECK(remarks_of(settings, Severity::warning) ==
        Texts{"Warning: 'protocol' has no effect below 'http_listener', which speaks HTTP "
              "(test.conf:4)",
              "Warning: 'http_path' has no effect on a listener without 'protocol websockets' "
              "(test.conf:3)"});
}

TEST_CASE("an http_listener that others reach is noted", "[conf]") {
  const auto settings = good("http_listener 9100 192.0.2.1\n");
  CHECK(remarks_of(settings, Severity::notice).size() == 1);
  CHECK(remarks_of(good("http_listener 9100 ::1\n"), Severity::notice).empty());
}

TEST_CASE("an http_listener is converted to its table", "[conf]") {
  const conf_test::Folder folder;
  const auto toml =
      conf::convert(folder.write("m.conf", "listener 1884\nhttp_listener 9100\nhttp_dir /\n"));
  REQUIRE(toml);
  const auto settings = good(*toml);
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[1].protocol == Protocol::http);
  CHECK(settings.listeners[1].loopback_only);
}

TEST_CASE("an admin_file is a login for every http_listener", "[conf]") {
  const auto settings = good(GENERATE("admin_file /a\nhttp_listener 9100 192.0.2.1\n",
                                      "admin_file = '/a'\n[[http_listener]]\nport = 9100\n"
                                      "bind_address = '192.0.2.1'\n"));
  CHECK(settings.admin_file == "/a");
  CHECK(remarks_of(settings, Severity::notice).empty());
}

TEST_CASE("protocol http_api is a listener of Mosquitto's API, with files", "[conf]") {
  const auto settings = good("listener 9883 127.0.0.1\nprotocol http_api\nhttp_dir /\n");
  REQUIRE(settings.listeners.size() == 1);
  CHECK(settings.listeners[0].protocol == Protocol::http_api);
  CHECK(settings.listeners[0].http_dir == "/");
  CHECK(remarks_of(settings, Severity::warning).empty());
}
