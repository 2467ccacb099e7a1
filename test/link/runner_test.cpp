#include "transport/link/runner.h"

#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <unistd.h>
#include <variant>
#include <vector>

#include "test/link/server.h"
#include "test/packets.h"

using client::Connected;
using client::Disconnected;
using test::Server;
using transport::ClientRunner;

namespace {

client::Options client_options() {
  client::Options options;
  options.client_id = "c";
  options.version = mqtt::Version::v3_1_1;
  return options;
}
transport::LinkOptions link_options(std::uint16_t port) {
  transport::LinkOptions options;
  options.address.host = "127.0.0.1";
  options.address.port = port;
  return options;
}
constexpr std::size_t connect_bytes = 15;
const std::string connack = test::encoded(mqtt::Connack{}, mqtt::Version::v3_1_1);
const std::string publish = test::publish("t", "m", mqtt::Version::v3_1_1);
const std::string disconnect = test::disconnect();

template <typename Kind>
const Kind* as(const std::optional<client::Event>& event) {
  return event ? std::get_if<Kind>(&*event) : nullptr;
}

}  // namespace

TEST_CASE("a runner connects a client, gives its events, and sends its packets", "[runner]") {
  const Server server;
  std::vector<std::string> heard;  // Catch2 checks on one thread only
  std::thread peer([&] {
    auto accepted = server.accept();
    heard.push_back(accepted.read(connect_bytes));
    accepted.send(connack + publish);
    heard.push_back(accepted.read(publish.size()));
    heard.push_back(accepted.read_all());
  });
  ClientRunner runner(client_options(), link_options(server.port()));
  runner.client().start(runner.now());
  REQUIRE(as<Connected>(runner.next()) != nullptr);
  const auto event = runner.next();
  const auto* const message = as<client::Message>(event);
  REQUIRE(message != nullptr);
  CHECK(message->publish.topic == "t");
  const client::Publication publication{.topic = "t", .payload = mqtt::as_bytes("m")};
  CHECK(runner.client().publish(publication, client::Token{1}, runner.now()) ==
        client::Accepted::accepted);
  CHECK(runner.flush());
  runner.client().disconnect({}, runner.now());
  const auto last = runner.next();
  const auto* const ended = as<Disconnected>(last);
  REQUIRE(ended != nullptr);
  CHECK(ended->cause == Disconnected::Cause::asked);
  runner.close();
  CHECK_FALSE(runner.next());
  peer.join();
  REQUIRE(heard.size() == 3);
  CHECK(heard[0].starts_with("\x10"));
  CHECK(heard[1] == publish);
  CHECK(heard[2] == disconnect);
}

TEST_CASE("a runner says why there is no connection", "[runner]") {
  std::uint16_t port = 0;
  {
    const Server gone;
    port = gone.port();
  }
  ClientRunner runner(client_options(), link_options(port));
  runner.client().start(runner.now());
  const auto event = runner.next();
  const auto* const ended = as<Disconnected>(event);
  REQUIRE(ended != nullptr);
  CHECK(ended->cause == Disconnected::Cause::closed);
  CHECK(runner.last_end().fault == transport::LinkFault::network);
  CHECK(runner.last_end().text.ends_with(
      "Connection refused (nothing listens there, or a firewall refuses)"));
  CHECK_FALSE(runner.next());
}

TEST_CASE("all that a server said before it closed is heard", "[runner]") {
  const Server server;
  std::thread peer([&] {
    auto accepted = server.accept();
    accepted.read(connect_bytes);
    accepted.send(connack + publish + publish);
  });
  ClientRunner runner(client_options(), link_options(server.port()));
  runner.client().start(runner.now());
  CHECK(as<Connected>(runner.next()) != nullptr);
  CHECK(as<client::Message>(runner.next()) != nullptr);
  CHECK(as<client::Message>(runner.next()) != nullptr);
  CHECK(as<Disconnected>(runner.next()) != nullptr);
  peer.join();
}

TEST_CASE("a runner connects again as the client wants it", "[runner]") {
  const Server server;
  std::thread peer([&] {
    for (int count = 0; count < 3; ++count) {
      auto accepted = server.accept();
      accepted.read(connect_bytes);
      accepted.send(connack);
    }
  });
  client::Options options = client_options();
  options.reconnect = {.enabled = true, .first_milliseconds = 1};
  ClientRunner runner(options, link_options(server.port()));
  runner.client().start(runner.now());
  for (int count = 0; count < 3; ++count) {
    CHECK(as<Connected>(runner.next()) != nullptr);
    CHECK(as<Disconnected>(runner.next()) != nullptr);
  }
  peer.join();
}

TEST_CASE("a runner returns for a deadline, an interruption and a descriptor", "[runner]") {
  const Server server;
  ClientRunner runner(client_options(), link_options(server.port()));
  runner.client().start(runner.now());
  CHECK_FALSE(runner.next(runner.now()));
  runner.interrupt();
  CHECK_FALSE(runner.next());
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  REQUIRE(runner.watch(ends[0]));
  REQUIRE(::write(ends[1], "x", 1) == 1);
  CHECK_FALSE(runner.next());
  CHECK(runner.is_readable());
  char byte = 0;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  CHECK_FALSE(runner.next(runner.now()));
  CHECK_FALSE(runner.is_readable());
  REQUIRE(runner.watch(-1));
  std::thread other([&] { runner.interrupt(); });
  CHECK_FALSE(runner.next());
  other.join();
  ::close(ends[0]);
  ::close(ends[1]);
}
