#include "transport/mqtt_stage.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/packets.h"
#include "test/transport/fixture.h"

namespace transport {
namespace {

using namespace std::string_literals;

const std::string disconnect = test::disconnect();

}  // namespace

TEST_CASE("packets reach the shard in order, however they are cut", "[mqtt_stage]") {
  TestBroker broker;
  Client client(broker.port());
  const std::string packets =
      connect("a") + subscribe("t") + publish("t", "one") + publish("t", "two");
  if (GENERATE(false, true)) {
    client.send_slowly(packets);
  } else {
    client.send(packets);
  }
  const std::string expected = connack + suback() + publish("t", "one") + publish("t", "two");
  CHECK(client.receive(expected.size()) == expected);
}

TEST_CASE("a client that says all at once and leaves is heard", "[mqtt_stage]") {
  TestBroker broker;
  Client watcher(broker.port());
  watcher.send(connect("watcher") + subscribe("t"));
  CHECK(watcher.receive(9) == connack + suback());
  for (int count = 0; count < 20; ++count) {
    Client client(broker.port());
    client.send(connect("a", "t") + publish("t", std::to_string(count)) + disconnect);
    client.close();
    const std::string expected = publish("t", std::to_string(count));
    CHECK(watcher.receive(expected.size()) == expected);
  }
  CHECK(eventually([&] { return broker.loops().connections() == 1; }));
}

TEST_CASE("a connection that ends while its CONNECT waits is forgotten", "[mqtt_stage]") {
  TestBroker broker;
  for (int count = 0; count < 50; ++count) {
    Client client(broker.port());
    const std::string packet = connect("a");
    client.send(count % 2 == 0 ? packet : packet.substr(0, 6));
    client.close();
  }
  CHECK(eventually([&] { return broker.loops().connections() == 0; }));
  Client next(broker.port());
  next.send(connect("a"));
  CHECK(next.receive(connack.size()) == connack);
}

TEST_CASE("bytes of the wrong protocol are recognised and named", "[mqtt_stage]") {
  TestBroker broker;
  const std::string port = std::to_string(broker.port());
  const std::string websocket_port = std::to_string(broker.websocket_port());
  Client http(broker.port());
  http.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(http.receive_all().find("HTTP/1.1 400 Bad Request\r\n") == 0);
  CHECK(broker.log().says("sent HTTP to port " + port));
  Client tls(broker.port());
  tls.send("\x16\x03\x01\x02\x00\x01\x00\x01\xFC"s);
  CHECK(tls.receive_all().empty());
  CHECK(broker.log().says("sent a TLS handshake to port " + port));
  Client proxy(broker.port());
  proxy.send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");
  CHECK(proxy.receive_all().empty());
  CHECK(broker.log().says("sent a PROXY protocol header to port " + port));
  Client raw(broker.websocket_port());
  raw.send(connect("raw"));
  CHECK(raw.receive_all().empty());
  CHECK(broker.log().says("sent MQTT without WebSocket to port " + websocket_port));
}

}  // namespace transport
