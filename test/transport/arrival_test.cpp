#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <deque>
#include <filesystem>
#include <stdlib.h>
#include <string>
#include <thread>
#include <utility>

#include "test/transport/fixture.h"
#include "transport/proxy_cuts.h"

namespace transport {
namespace {

const std::string header = "PROXY TCP4 192.0.2.7 198.51.100.1 49152 1883\r\n";

/// A path for a socket, in a folder that goes away.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "darter-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string socket() const { return (path_ / "socket").string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a client of the network behind a unix socket moves home", "[arrival]") {
  const Folder folder;
  TestBroker::Options options;
  options.loops = 3;
  options.mqtt.unix_socket_path = folder.socket();
  options.mqtt.proxy_protocol = ProxyVersion::v1;
  TestBroker broker(std::move(options));
  for (int number = 0; number < 6; ++number) {
    const std::string name = "proxied" + std::to_string(number);
    Client client(folder.socket());
    client.send(header + connect(name) + subscribe("u") + publish("u", "hello"));
    const std::string expected = connack + suback() + publish("u", "hello");
    CHECK(client.receive(expected.size()) == expected);
    CHECK(broker.log().says("New client connected from 192.0.2.7:49152 as " + name + " "));
  }
  CHECK(broker.log().says("New connection from 192.0.2.7:49152 on unix socket " + folder.socket() +
                          " through unix (PROXY protocol)."));
}

TEST_CASE("a PROXY header that does not come is not waited for", "[arrival]") {
  TestBroker::Options options;
  options.loop.handshake_timeout_seconds = 1;
  options.mqtt.proxy_protocol = ProxyVersion::v1;
  TestBroker broker(std::move(options));
  Client silent(broker.port());
  Client half(broker.port());
  half.send(header.substr(0, 20));
  CHECK(silent.receive_all().empty());
  CHECK(half.receive_all().empty());
  CHECK(broker.log().says("closed: no PROXY protocol header came in time."));
}

TEST_CASE("a client over the limit is told so before it names itself", "[arrival]") {
  TestBroker::Options options;
  options.websockets.max_connections = 1;
  options.websockets.proxy_protocol = ProxyVersion::v2;
  TestBroker broker(std::move(options));
  const Client first(broker.websocket_port());
  Client second(broker.websocket_port());
  CHECK(second.receive_all().find("HTTP/1.1 503 ") == 0);
}

TEST_CASE("a bad PROXY header gives the place of the connection back", "[arrival]") {
  TestBroker::Options options;
  options.mqtt.max_connections = 1;
  options.mqtt.proxy_protocol = ProxyVersion::v1;
  TestBroker broker(std::move(options));
  for (int number = 0; number < 3; ++number) {
    Client client(broker.port());
    client.send("PROXY TCP4 nowhere\r\n");
    CHECK(client.receive_all().empty());
  }
  Client client(broker.port());
  client.send(header + connect("c"));
  CHECK(client.receive(connack.size()) == connack);
}

TEST_CASE("a stranger that names a client is told to be no trusted proxy, once", "[arrival]") {
  TestBroker broker;  // trusts nobody
  for (int number = 0; number < 3; ++number) {
    Client client(broker.websocket_port());
    client.send(upgrade_request("X-Forwarded-For: 192.0.2.7\r\n"));
    CHECK(client.receive_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  }
  CHECK(broker.log().says("Warning: 127.0.0.1 sent a header field 'X-Forwarded-For' to port "));
  CHECK(broker.log().count("is not among the 'trusted_proxies'") == 1);
}

TEST_CASE("a balancer's health check is no refused handshake", "[arrival]") {
  TestBroker broker;
  for (const std::string request :
       {"OPTIONS / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"}) {
    Client client(broker.websocket_port());
    client.send(request);
    CHECK(client.receive_all().starts_with("HTTP/1.1 200 OK\r\n"));
  }
  CHECK(broker.log().count("refused") == 0);
  // A WebSocket whose Upgrade header was lost on the way has to hear of it.
  Client lost(broker.websocket_port());
  lost.send("GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");
  CHECK(lost.receive_all().starts_with("HTTP/1.1 426 "));
}

// ProxyCuts counts lives of ten seconds and more, whose ends are a second apart; loops have a real
// clock.
TEST_CASE("a proxy that cuts connections is noticed though it names no client", "[arrival]") {
  using Clock = std::chrono::steady_clock;
  using std::chrono::milliseconds;
  constexpr milliseconds life{ProxyCuts::seconds_min * 1000 + 200};
  constexpr std::string_view warning = "end after 10 seconds, one after the other: it may cut";

  struct Scene {
    TestBroker broker;
    std::string fields;       // of each request
    std::string before = {};  // its first line
    std::deque<std::pair<Clock::time_point, Client>> open = {};
  };
  const auto trusting = [] {
    TestBroker::Options options;
    REQUIRE(options.websockets.trusted_proxies.add("127.0.0.1"));
    return options;
  };
  Scene silent{TestBroker(trusting()), ""};
  Scene stranger{TestBroker(), "X-Forwarded-For: 192.0.2.7\r\n"};
  TestBroker::Options with_header;
  with_header.websockets.proxy_protocol = ProxyVersion::v1;
  Scene proxied{TestBroker(std::move(with_header)), "", header};
  Scene direct{TestBroker(), ""};
  const std::array<Scene*, 4> scenes = {&silent, &stranger, &proxied, &direct};

  const auto warned = [&](Scene& scene) { return scene.broker.log().count(warning) > 0; };
  const auto all_warned = [&] { return warned(silent) && warned(stranger) && warned(proxied); };
  for (int rounds = 0; rounds < 600 && !all_warned(); ++rounds) {
    const Clock::time_point now = Clock::now();
    for (Scene* const scene : scenes) {
      while (!scene->open.empty() && now >= scene->open.front().first + life) {
        scene->open.pop_front();
      }
      if (!scene->open.empty() && now < scene->open.back().first + milliseconds(1100)) continue;
      Client client(scene->broker.websocket_port());
      client.send(scene->before + upgrade_request(scene->fields) +
                  client_frame(0x82, connect("c" + std::to_string(rounds))));
      // What is unread would turn the client's end into a reset.
      REQUIRE(client.receive_until(connack).ends_with(connack));
      scene->open.emplace_back(now, std::move(client));
    }
    std::this_thread::sleep_for(milliseconds(100));
  }
  CHECK(warned(silent));
  CHECK(warned(stranger));
  CHECK(warned(proxied));
  CHECK_FALSE(warned(direct));
}

}  // namespace transport
