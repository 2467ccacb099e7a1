#include "transport/websocket_stage.h"

#include <catch2/catch.hpp>
#include <string>
#include <sys/socket.h>
#include <utility>

#include "test/transport/fixture.h"

namespace transport {
namespace {

using namespace std::string_literals;

/// Opens a WebSocket and logs in.
void log_in(Client& client, const std::string& connect_packet) {
  client.send(upgrade_request() + client_frame(0x82, connect_packet));
  CHECK(client.receive(upgraded.size() + 6) == upgraded + server_frame(0x82, connack));
}

}  // namespace

TEST_CASE("frames are undone, and each Ping among them is answered", "[websocket_stage]") {
  TestBroker broker;
  Client client(broker.websocket_port());
  log_in(client, connect("a"));
  // SUBSCRIBE lies in two fragments, with a Ping between them.
  const std::string packet = subscribe("t");
  client.send_slowly(client_frame(0x02, packet.substr(0, 4)) + client_frame(0x89, "hello") +
                     client_frame(0x80, packet.substr(4)));
  const std::string expected = server_frame(0x8A, "hello") + server_frame(0x82, suback());
  CHECK(client.receive(expected.size()) == expected);
}

TEST_CASE("packets of one read are handled up to its broken frame", "[websocket_stage]") {
  TestBroker broker;
  Client watcher(broker.port());
  watcher.send(connect("watcher") + subscribe("t"));
  CHECK(watcher.receive(9) == connack + suback());
  Client client(broker.websocket_port());
  log_in(client, connect("a"));
  const std::string unmasked = server_frame(0x82, publish("t", "two"));
  client.send(client_frame(0x82, publish("t", "one")) + unmasked +
              client_frame(0x82, publish("t", "three")));
  CHECK(client.receive_all().substr(0, 4).ends_with("\x03\xEA"));  // 1002, protocol error
  CHECK(broker.log().says("broke the protocol: "));
  watcher.send(publish("t", "end"));
  const std::string expected = publish("t", "one") + publish("t", "end");
  CHECK(watcher.receive(expected.size()) == expected);
}

TEST_CASE("a client has time to answer the Close of the broker", "[websocket_stage]") {
  TestBroker broker;
  Client client(broker.websocket_port());
  log_in(client, connect("a"));
  client.send(client_frame(0x82, "\xF0\x00"s));  // no such packet
  CHECK(client.receive(2).starts_with("\x88"));
  CHECK(broker.loops().connections() == 1);
  client.send(client_frame(0x82, publish("t", "late")) + client_frame(0x88, "\x03\xE8"));
  static_cast<void>(client.receive_all());
  CHECK(eventually([&] { return broker.loops().connections() == 0; }));
}

TEST_CASE("a Close without DISCONNECT publishes the will at once", "[websocket_stage]") {
  TestBroker broker(with_loops(2));
  Client watcher(broker.port());
  watcher.send(connect("watcher") + subscribe("will"));
  CHECK(watcher.receive(9) == connack + suback());
  const std::string end = GENERATE(client_frame(0x88, ""), client_frame(0x81, "text"));
  Client client(broker.websocket_port());
  client.send(upgrade_request() + client_frame(0x82, connect("dying", "will")));
  CHECK(client.receive(upgraded.size() + 6) == upgraded + server_frame(0x82, connack));
  client.send(end);
  CHECK(watcher.receive(12) == publish("will", "gone"));
  const std::string close = client.receive_all();
  CHECK(close.substr(0, 1) == "\x88");
  CHECK(close.substr(2, 2) == (end[0] == '\x88' ? "\x03\xE8"s : "\x03\xEB"s));
}

TEST_CASE("a Close of the broker says why in a few words", "[websocket_stage]") {
  TestBroker::Options options;
  options.login = [](broker::LoginRequest&&, broker::LoginDone) {
    broker::Verdict verdict;
    verdict.reason = mqtt::Reason::not_authorized;
    return std::optional<broker::Verdict>(verdict);
  };
  TestBroker broker(std::move(options));
  Client client(broker.websocket_port());
  client.send(upgrade_request() + client_frame(0x82, connect("nobody")));
  const std::string expected = upgraded + server_frame(0x82, "\x20\x02\x00\x05"s) +
                               server_frame(0x88, "\x03\xF0not authorised"s);
  CHECK(client.receive(expected.size()) == expected);
}

TEST_CASE("an idle WebSocket is pinged, and closed when it does not answer", "[websocket_stage]") {
  TestBroker::Options options;
  options.websockets.websockets_ping_interval_seconds = 1;
  TestBroker broker(std::move(options));
  Client client(broker.websocket_port());
  client.send(upgrade_request() + client_frame(0x82, connect("idle")));
  CHECK(client.receive(upgraded.size() + 6) == upgraded + server_frame(0x82, connack));
  CHECK(client.receive(2) == server_frame(0x89, ""));
  client.send(client_frame(0x8A, ""));
  CHECK(client.receive(2) == server_frame(0x89, ""));
  CHECK(client.receive_all().empty());
  CHECK(broker.log().says("a WebSocket ping was not answered"));
}

TEST_CASE("of Pings that come while output waits only the last is answered", "[websocket_stage]") {
  TestBroker broker;
  const int send_buffer_bytes = 4096;  // accepted sockets have that of the listening one
  REQUIRE(::setsockopt(broker.listener(1).sockets()[0], SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes,
                       sizeof send_buffer_bytes) == 0);
  const bool logged_in = GENERATE(false, true);
  CAPTURE(logged_in);
  Client client(broker.websocket_port(), 4096);
  client.send(upgrade_request());
  CHECK(client.receive(upgraded.size()) == upgraded);
  if (logged_in) {
    client.send(client_frame(0x82, connect("pinger")));
    CHECK(client.receive(6) == server_frame(0x82, connack));
  }
  std::string pings;
  for (int count = 0; count < 1000; ++count) {
    pings += client_frame(0x89, std::string(125, static_cast<char>('a' + count % 26)));
  }
  for (int count = 0; count < 100; ++count) client.send(pings);
  const std::string last = std::string(125, '!');
  client.send(client_frame(0x89, last));
  std::size_t pongs = 0;
  std::string pong;
  while (pong != server_frame(0x8A, last)) {
    pong = client.receive(127);
    REQUIRE(pong.size() == 127);
    ++pongs;
  }
  CHECK(pongs < 20'000);  // of 100,001
}

}  // namespace transport
