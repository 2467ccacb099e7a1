#include "transport/shutdown.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "test/packets.h"
#include "test/transport/fixture.h"

namespace transport {

using namespace std::string_literals;

TEST_CASE("wills arrive everywhere before the sockets close at an orderly end", "[shutdown]") {
  TestBroker broker(with_loops(GENERATE(1U, 4U)));
  std::vector<std::unique_ptr<Client>> watchers;
  for (int number = 0; number < 8; ++number) {
    watchers.push_back(std::make_unique<Client>(broker.port()));
    watchers.back()->send(connect("watcher" + std::to_string(number)) + subscribe("w/#"));
    CHECK(watchers.back()->receive(9) == connack + suback());
  }
  std::vector<std::unique_ptr<Client>> dying;
  for (int number = 0; number < 40; ++number) {
    dying.push_back(std::make_unique<Client>(broker.port()));
    const std::string name = std::to_string(number);
    dying.back()->send(connect("dying" + name, "w/" + std::string(2 - name.size(), '0') + name));
    CHECK(dying.back()->receive(4) == connack);
  }
  // Packets from before the end are read: no will of this one.
  dying.back()->send(test::disconnect());
  broker.loops().stop();
  const std::size_t each = publish("w/00", "gone").size();
  for (const auto& watcher : watchers) {
    const std::string all = watcher->receive_all();
    CHECK(all.size() == 39 * each);
    CHECK(all.find("w/39") == std::string::npos);
  }
}

TEST_CASE("stopping says goodbye to everybody", "[shutdown]") {
  TestBroker broker(with_loops(3));
  std::vector<std::unique_ptr<Client>> clients;
  for (int number = 0; number < 9; ++number) {
    auto client =
        std::make_unique<Client>(number % 2 == 0 ? broker.port() : broker.websocket_port());
    const std::string hello = connect("client" + std::to_string(number));
    client->send(number % 2 == 0 ? hello : upgrade_request() + client_frame(0x82, hello));
    const std::string welcome = number % 2 == 0 ? connack : upgraded + server_frame(0x82, connack);
    CHECK(client->receive(welcome.size()) == welcome);
    clients.push_back(std::move(client));
  }
  Client stranger(broker.websocket_port());
  CHECK(eventually([&] { return broker.loops().connections() == 10; }));
  broker.loops().stop();
  CHECK(broker.loops().connections() == 0);
  for (std::size_t number = 0; number < clients.size(); ++number) {
    CHECK(clients[number]->receive_all() ==
          (number % 2 == 0 ? ""s : server_frame(0x88, "\x03\xE9")));
  }
  CHECK(stranger.receive_all().empty());
}

TEST_CASE("a client that takes no output is not waited for beyond stop_timeout", "[shutdown]") {
  TestBroker::Options options;
  options.loop.stop_timeout_milliseconds = 50;
  TestBroker broker(std::move(options));
  Client reader(broker.port(), 4096);
  reader.send(connect("reader") + subscribe("t"));
  CHECK(reader.receive(9) == connack + suback());
  Client writer(broker.port());
  writer.send(connect("writer"));
  CHECK(writer.receive(4) == connack);
  const std::string large = publish("t", std::string(1U << 20U, 'x'));
  for (int count = 0; count < 8; ++count) writer.send(large);
  writer.send(test::pingreq());
  CHECK(writer.receive(2) == test::pingresp());  // all of them were handled
  broker.loops().stop();                         // the socket takes less than that
  CHECK(broker.loops().connections() == 0);
}

}  // namespace transport
