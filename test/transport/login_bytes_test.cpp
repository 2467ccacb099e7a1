// What one address may make the broker keep before logins are answered, on real sockets.

#include <catch2/catch.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "test/transport/fixture.h"

namespace transport {
namespace {

constexpr std::uint64_t bytes_max = 120'000;
constexpr std::size_t large_bytes = 60'000;
constexpr std::string_view refusal = "as max_login_bytes_per_address allows";

/// A CONNECT of so many bytes, its will being most of them.
std::string large_connect(const std::string& client_id) {
  const std::string payload(large_bytes, 'x');
  mqtt::Connect packet;
  packet.version = mqtt::Version::v3_1_1;
  packet.clean_start = true;
  packet.client_id = client_id;
  mqtt::Will& will = packet.will.emplace();
  will.topic = "w";
  will.payload = mqtt::as_bytes(payload);
  return test::encoded(packet);
}

/// All but the end of it.
std::string most_of_a_connect() {
  std::string bytes = large_connect("half");
  bytes.resize(bytes.size() - 1);
  return bytes;
}

TestBroker::Options with_limit(std::uint32_t loops = 1) {
  TestBroker::Options options;
  options.loops = loops;
  options.loop.login_bytes_per_address_max = bytes_max;
  return options;
}

}  // namespace

TEST_CASE("one address keeps no more than its bytes before logins", "[login_bytes]") {
  const bool websocket = GENERATE(false, true);
  const auto loops = GENERATE(1U, 3U);
  CAPTURE(websocket, loops);
  TestBroker broker(with_limit(loops));
  const auto half = [&] {
    Client client(websocket ? broker.websocket_port() : broker.port());
    client.send(websocket ? upgrade_request() + client_frame(0x82, most_of_a_connect())
                          : most_of_a_connect());
    return client;
  };
  std::vector<Client> held;
  while (broker.log().count(refusal) == 0 && held.size() < 20) held.push_back(half());
  REQUIRE(broker.log().says(refusal));
  // Small ones of the same address come in, and so does everything once there is room again.
  Client small(broker.port());
  small.send(connect("small"));
  CHECK(small.receive(4) == connack);
  held.clear();
  for (int number = 0; number < 6; ++number) {
    CHECK(eventually([&] {
      Client client(broker.port());
      client.send(large_connect("large" + std::to_string(number)));
      return client.receive(4) == connack;
    }));
  }
}

TEST_CASE("bytes before logins count for the client, not for its proxy", "[login_bytes]") {
  TestBroker::Options options = with_limit();
  options.mqtt.proxy_protocol = ProxyVersion::v1;
  TestBroker broker(std::move(options));
  std::vector<Client> held;
  const auto come_from = [&](const std::string& address) {
    held.emplace_back(broker.port())
        .send("PROXY TCP4 " + address + " 198.51.100.1 49152 1883\r\n" + most_of_a_connect());
  };
  for (int number = 1; number < 9; ++number) come_from("192.0.2." + std::to_string(number));
  Client after(broker.port());
  after.send("PROXY TCP4 192.0.2.99 198.51.100.1 49152 1883\r\n" + connect("after"));
  CHECK(after.receive(4) == connack);
  CHECK(broker.log().count(refusal) == 0);
  for (int more = 0; more < 2; ++more) come_from("192.0.2.1");
  CHECK(
      broker.log().says("Connection from 192.0.2.1:49152 closed: the connections of its address"));
}

TEST_CASE("a login that is awaited counts until it is decided", "[login_bytes]") {
  std::mutex mutex;
  std::vector<broker::LoginDone> waiting;
  TestBroker::Options options = with_limit(GENERATE(1U, 3U));
  options.login = [&](broker::LoginRequest&& request, broker::LoginDone done) {
    if (request.client_id.starts_with("at once")) {
      return std::optional<broker::Verdict>(broker::Verdict{});
    }
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(done));
    return std::optional<broker::Verdict>{};
  };
  TestBroker broker(std::move(options));
  const auto asked = [&] {
    const std::lock_guard lock(mutex);
    return waiting.size();
  };
  std::vector<Client> held;
  for (std::size_t number = 0; number < 2; ++number) {
    held.emplace_back(broker.port()).send(large_connect("held" + std::to_string(number)));
    REQUIRE(eventually([&] { return asked() == number + 1; }));
  }
  Client refused(broker.port());
  refused.send(large_connect("at once 0"));
  CHECK(refused.receive(4).empty());
  CHECK(broker.log().says(refusal));
  {
    const std::lock_guard lock(mutex);
    for (broker::LoginDone& done : waiting) done({});
  }
  for (Client& client : held) CHECK(client.receive(4) == connack);
  // They are connected still, and nothing of theirs is kept.
  CHECK(eventually([&] {
    Client large(broker.port());
    large.send(large_connect("at once 1"));
    return large.receive(4) == connack;
  }));
}

TEST_CASE("exempt networks keep what they like before logins", "[login_bytes]") {
  TestBroker::Options options = with_limit();
  REQUIRE(options.loop.limits_exempt.add("127.0.0.0/8"));
  TestBroker broker(std::move(options));
  std::vector<Client> held;
  for (int number = 0; number < 8; ++number) {
    held.emplace_back(broker.port()).send(most_of_a_connect());
  }
  Client after(broker.port());
  after.send(large_connect("after"));
  CHECK(after.receive(4) == connack);
  CHECK(broker.log().count(refusal) == 0);
}

}  // namespace transport
