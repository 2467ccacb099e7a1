#include "tools/darter-client/client_options.h"

#include <catch2/catch.hpp>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "tools/darter-client/advice.h"
#include "tools/darter-client/command_line.h"
#include "tools/darter-client/help.h"
#include "tools/darter-client/link_options.h"

using namespace shell;

namespace {

using Words = std::vector<std::string>;

Settings settings_from(Tool tool, const Words& words) {
  auto result = read_command_line(tool, words, {});
  if (!result) FAIL(result.error().text);
  return std::move(*result);
}

client::Options options_of(Tool tool, const Words& words,
                           mqtt::Version version = mqtt::Version::v5_0) {
  return client_options(settings_from(tool, words), version, "generated");
}

transport::LinkOptions link_of(const Words& words) {
  auto result = link_options(settings_from(Tool::pub, words));
  if (!result) FAIL(result.error());
  return std::move(*result);
}

}  // namespace

TEST_CASE("a CONNECT is as the options say", "[client_options]") {
  const client::Options options =
      options_of(Tool::pub, {"-i", "me", "-c", "-u", "ann", "-P", "word", "-k", "9", "-M", "3"});
  CHECK(options.client_id == "me");
  CHECK_FALSE(options.clean_start);
  CHECK(options.session_expiry_interval_seconds == 0xFFFFFFFFU);
  CHECK(options.user_name == "ann");
  CHECK(options.password == "word");
  CHECK(options.keep_alive_seconds == 9);
  CHECK(options.inflight_max == 3);
  CHECK_FALSE(options.will);
}

TEST_CASE("the client identifier is the user's, the broker's, or made where it has to be",
          "[client_options]") {
  using mqtt::Version;
  CHECK(options_of(Tool::pub, {}).client_id.empty());
  CHECK(options_of(Tool::pub, {}, Version::v3_1_1).client_id.empty());
  CHECK(options_of(Tool::pub, {}, Version::v3_1).client_id == "generated");
  CHECK(options_of(Tool::pub, {"-i", "me"}, Version::v3_1).client_id == "me");
  CHECK(options_of(Tool::pub, {"-I", "me-"}).client_id == "me-" + std::to_string(getpid()));
}

TEST_CASE("no more messages are asked for than are to be printed", "[client_options]") {
  CHECK(options_of(Tool::sub, {"-t", "a", "-C", "3"}).receive_maximum == 3);
  CHECK(options_of(Tool::sub, {"-t", "a", "-C", "20"}).receive_maximum == 65'535);
  CHECK(options_of(Tool::sub, {"-t", "a"}).receive_maximum == 65'535);
  CHECK(options_of(Tool::rr, {"-t", "a"}).receive_maximum == 1);
}

TEST_CASE("properties of CONNECT and of the will get where the client wants them",
          "[client_options]") {
  const client::Options options = options_of(Tool::pub, {"-D",
                                                         "connect",
                                                         "receive-maximum",
                                                         "7",
                                                         "-D",
                                                         "connect",
                                                         "topic-alias-maximum",
                                                         "8",
                                                         "-D",
                                                         "connect",
                                                         "maximum-packet-size",
                                                         "900",
                                                         "-D",
                                                         "connect",
                                                         "user-property",
                                                         "a",
                                                         "b",
                                                         "-D",
                                                         "connect",
                                                         "request-problem-information",
                                                         "0",
                                                         "-D",
                                                         "connect",
                                                         "session-expiry-interval",
                                                         "60",
                                                         "-D",
                                                         "connect",
                                                         "authentication-method",
                                                         "m",
                                                         "-D",
                                                         "connect",
                                                         "authentication-data",
                                                         "d",
                                                         "--will-topic",
                                                         "w",
                                                         "--will-payload",
                                                         "p",
                                                         "--will-qos",
                                                         "2",
                                                         "--will-retain",
                                                         "-D",
                                                         "will",
                                                         "will-delay-interval",
                                                         "5",
                                                         "-D",
                                                         "will",
                                                         "message-expiry-interval",
                                                         "6",
                                                         "-D",
                                                         "will",
                                                         "content-type",
                                                         "t"});
  CHECK(options.receive_maximum == 7);
  CHECK(options.topic_alias_in_max == 8);
  CHECK(options.packet_bytes_max == 900);
  CHECK(options.user_properties == std::string("\x26\0\x01"
                                               "a\0\x01"
                                               "b",
                                               7));
  CHECK_FALSE(options.request_problem_information);
  CHECK(options.session_expiry_interval_seconds == 60);
  CHECK(options.authentication_method == "m");
  CHECK(options.authentication_data == "d");
  REQUIRE(options.will);
  CHECK(options.will->topic == "w");
  CHECK(options.will->payload == "p");
  CHECK(options.will->qos == mqtt::Qos::exactly_once);
  CHECK(options.will->retain);
  CHECK(options.will->delay_interval_seconds == 5);
  CHECK(options.will->message_expiry_interval_seconds == 6U);
  CHECK(options.will->properties == std::string("\x03\0\x01t", 4));
}

TEST_CASE("a DISCONNECT lengthens no session that has ended [MQTT-3.1.2-23]", "[client_options]") {
  const Words expiry{"-D", "disconnect", "session-expiry-interval", "9"};
  const Settings without = settings_from(Tool::pub, expiry);
  CHECK_FALSE(disconnect_packet(without, mqtt::Reason::success).session_expiry_interval_seconds);
  Words kept{"-x", "5"};
  kept.insert(kept.end(), expiry.begin(), expiry.end());
  const Settings with = settings_from(Tool::pub, kept);
  CHECK(disconnect_packet(with, mqtt::Reason::success).session_expiry_interval_seconds == 9U);
}

TEST_CASE("the way to the broker follows from the options", "[link_options]") {
  using enum transport::LinkScheme;
  const auto address = [](const Words& words) {
    return link_address(settings_from(Tool::pub, words));
  };
  CHECK(address({}).scheme == mqtt);
  CHECK(address({}).host == "localhost");
  CHECK(address({}).port == 1883);
  CHECK(address({"--psk", "00ff", "--psk-identity", "me"}).port == 8883);
  CHECK(address({"--psk", "00ff", "--psk-identity", "me"}).scheme == mqtts);
  CHECK(address({"-p", "443", "--ws"}).scheme == wss);
  CHECK(address({"-p", "8883"}).scheme == mqtts);
  CHECK(address({"-p", "8883", "--no-tls"}).scheme == mqtt);
  CHECK(address({"--unix", "/run/x", "--ws"}).scheme == unix_socket);
  CHECK(address({"--unix", "/run/x"}).path == "/run/x");
  const auto link = link_of({"-L", "ws://[::1]:80/t", "--ws-path", "/x", "--ws-header", "A:  b",
                             "--ws-header", "C:", "-A", "::2"});
  CHECK(link.address.scheme == ws);
  CHECK(link.address.host == "::1");
  CHECK(link.address.port == 80);
  CHECK(link.websocket.path == "/x");
  CHECK(link.websocket.fields ==
        std::vector<std::pair<std::string, std::string>>{{"A", "b"}, {"C", ""}});
  CHECK(link.socket.bind_address == "::2");
}

TEST_CASE("a proxy is a URL of HTTP or SOCKS5", "[link_options]") {
  const auto link = link_of({"--proxy", "http://ann:word@proxy.example:8080"});
  REQUIRE(link.proxy);
  CHECK(link.proxy->host == "proxy.example");
  CHECK(link.proxy->port == 8080);
  CHECK(link.proxy->user_name == "ann");
  CHECK(link.proxy->password == "word");
  CHECK(link_of({"--proxy", "http://proxy"}).proxy->port == 3128);
  CHECK(link.proxy->kind == transport::LinkProxy::Kind::http);
  const auto socks = link_of({"--proxy", "socks5h://ann%40firm:wo%3Ard@[::1]"}).proxy;
  REQUIRE(socks);
  CHECK(*socks == transport::LinkProxy{.host = "::1",
                                       .port = 1080,
                                       .user_name = "ann@firm",
                                       .password = "wo:rd",
                                       .kind = transport::LinkProxy::Kind::socks});
  const std::string long_text(256, 'x');
  const auto [words, error] = GENERATE_COPY(table<Words, std::string>({
      {{"--proxy", "socks4://proxy"}, "Error: Unsupported proxy protocol: socks4://proxy\nTry "},
      {{"--proxy", "socks5h://"}, "Error: Invalid proxy: the host is missing"},
      {{"--proxy", "socks5h://" + long_text + "@proxy"}, "Error: Invalid proxy: a user name or"},
      {{"--proxy", "socks5h://proxy", "-h", long_text}, "Error: Invalid host: a name for a SOCKS5"},
  }));
  const auto refused = link_options(settings_from(Tool::pub, words));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().starts_with(error));
}

TEST_CASE("SRV records are of the domain after -h, or of this machine's", "[link_options]") {
  CHECK_FALSE(link_of({"-h", "example.com"}).uses_srv);
  const auto link = link_of({"-h", "example.com", "-S"});
  CHECK(link.uses_srv);
  CHECK(link.address.host == "example.com");
  CHECK(link_of({"-S"}).address.host.empty());
}

TEST_CASE("what TLS cannot be is refused in Mosquitto's words", "[link_options]") {
  const auto [words, text] = GENERATE(table<Words, std::string>({
      {{"--tls-engine", "x"}, "Error: Problem setting TLS engine, is x a valid engine?\n"},
      {{"--tls-version", "tlsv1.1"},
       "Error: Problem setting TLS options, check the options are valid.\n"},
      {{"--keyform", "engine", "--key", "a", "--cert", "b"},
       "Error: Problem setting key form, it must be one of 'pem' or 'engine'.\n"},
  }));
  Words all{"-p", "8883"};
  all.insert(all.end(), words.begin(), words.end());
  const auto refused = link_options(settings_from(Tool::pub, all));
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == text);
}

TEST_CASE("each way to fail has a next step", "[advice]") {
  using transport::LinkFault;
  const Settings settings = settings_from(Tool::pub, {});
  const auto [fault, status, step] = GENERATE(table<LinkFault, unsigned, std::string>({
      {LinkFault::none, 0, "--protocol websockets"},
      {LinkFault::name, 0, "-h"},
      {LinkFault::network, 0, "-p"},
      {LinkFault::timeout, 0, "firewall"},
      {LinkFault::proxy, 403, "--proxy"},
      {LinkFault::proxy, 407, "USER:PASSWORD"},
      {LinkFault::tls, 0, "--cafile"},
      {LinkFault::certificate, 0, "--cafile FILE"},
      {LinkFault::http, 301, "--capath"},
      {LinkFault::http, 401, "Authorization"},
      {LinkFault::http, 403, "Origin"},
      {LinkFault::http, 404, "--ws-path"},
      {LinkFault::http, 426, "Upgrade"},
      {LinkFault::http, 502, "does not reach"},
      {LinkFault::http, 200, "--ws-path"},
      {LinkFault::websocket, 0, "--ws-path"},
  }));
  const std::string text =
      advice_on({.fault = fault, .status = status, .text = "it failed"}, settings, false);
  CAPTURE(text);
  CHECK(text.starts_with("Error: it failed\n"));
  CHECK(text.find(step) != std::string::npos);
  CHECK(text.ends_with(".\n"));
}

TEST_CASE("help fits a terminal and shows the tool's options", "[help]") {
  for (const Tool tool : {Tool::pub, Tool::sub, Tool::rr}) {
    const std::string text = help_text(tool);
    std::size_t start = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos;
         end = text.find('\n', start)) {
      CHECK(end - start <= 100);
      start = end + 1;
    }
    for (const Option& option : options()) {
      if (option.long_name.empty()) continue;
      bool listed = false;
      for (const std::string before : {"  ", ", "}) {
        for (const std::string after : {" ", "\n"}) {
          const std::string entry = before + std::string(option.long_name) + after;
          listed = listed || text.find(entry) != std::string::npos;
        }
      }
      CAPTURE(option.long_name);
      CHECK(listed == ((option.tools & static_cast<unsigned>(tool)) != 0));
    }
  }
}
