#include "transport/loops.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include "test/packets.h"
#include "test/transport/fixture.h"

namespace transport {
namespace {

using namespace std::string_literals;

/// A client id that is at home on a shard.
std::string client_at(TestBroker& broker, broker::ShardIndex home) {
  for (int number = 0;; ++number) {
    std::string id = "client" + std::to_string(number);
    if (broker.loops().shard(home).home_of(id) == home) return id;
  }
}

/// Keeps a loop in the middle of a turn until it is released.
class HeldLoop {
 public:
  HeldLoop(TestBroker& broker, broker::ShardIndex index) {
    broker.loops().post(index, [this](broker::Shard&, broker::Instant) {
      held_.count_down();
      released_.wait();
      done_.count_down();
    });
    held_.wait();
  }
  ~HeldLoop() {
    released_.count_down();
    done_.wait();
  }

 private:
  std::latch held_{1};
  std::latch released_{1};
  std::latch done_{1};
};

/// How many bytes of MQTT a shard has read.
std::uint64_t bytes_read(TestBroker& broker, broker::ShardIndex index) {
  std::promise<std::uint64_t> bytes;
  broker.loops().post(index, [&](broker::Shard& shard, broker::Instant) {
    bytes.set_value(shard.metrics().bytes_received);
  });
  return bytes.get_future().get();
}

}  // namespace

// A shard asserts that its time never runs backwards.
TEST_CASE("work on parked loops and the loops' own turns have one time", "[loops]") {
  TestBroker broker(with_loops(GENERATE(1U, 4U)));
  Client client(broker.port());
  client.send(connect("client"));
  CHECK(client.receive(4) == connack);
  for (int i = 0; i < 300; ++i) {
    broker.loops().while_parked([&](broker::Instant now) {
      for (std::uint32_t shard = 0; shard < broker.loops().count(); ++shard) {
        static_cast<void>(broker.loops().shard(broker::ShardIndex{shard}).tick(now));
      }
    });
    client.send(test::pingreq());
    CHECK(client.receive(2) == test::pingresp());
  }
}

TEST_CASE("clients of all loops hear each other", "[loops]") {
  TestBroker broker(with_loops(GENERATE(1U, 4U)));
  std::vector<std::unique_ptr<Client>> clients;
  for (int number = 0; number < 12; ++number) {
    auto client = std::make_unique<Client>(broker.port());
    client->send(connect("client" + std::to_string(number)));
    CHECK(client->receive(4) == connack);
    client->send(subscribe("t/#"));
    CHECK(client->receive(5) == suback());
    clients.push_back(std::move(client));
  }
  CHECK(broker.loops().connections() == 12);
  std::string expected;
  for (const auto& client : clients) {
    const std::string message = publish("t/x", "from " + std::to_string(expected.size()));
    client->send(message);
    expected += message;
    // One after the other, so that the order is the same for all.
    for (const auto& receiver : clients) CHECK(receiver->receive(message.size()) == message);
  }
}

TEST_CASE("what follows CONNECT at once survives the move to the home loop", "[loops]") {
  TestBroker broker(with_loops(4));
  const bool slowly = GENERATE(false, true);
  for (int number = 0; number < 8; ++number) {
    const std::string topic = "own/" + std::to_string(number);
    std::string all = connect("mover" + std::to_string(number)) + subscribe(topic);
    std::string expected = connack + suback();
    for (int count = 0; count < 20; ++count) {
      const std::string message = publish(topic, "message " + std::to_string(count));
      all += message;
      expected += message;
    }
    Client client(broker.port());
    if (slowly) {
      client.send_slowly(all);
    } else {
      client.send(all);
    }
    CHECK(client.receive(expected.size()) == expected);
  }
  CHECK(eventually([&] { return broker.loops().connections() == 0; }));
}

TEST_CASE("a WebSocket moves with its handshake, frames and fragments", "[loops]") {
  TestBroker broker(with_loops(4));
  const bool slowly = GENERATE(false, true);
  for (int number = 0; number < 8; ++number) {
    const std::string topic = "own/" + std::to_string(number);
    const std::string first = connect("web" + std::to_string(number));
    const std::string second = subscribe(topic) + publish(topic, "hello");
    // CONNECT ends in the middle of a message, whose rest comes in another fragment.
    const std::string frames =
        client_frame(0x02, first + second.substr(0, 3)) + client_frame(0x80, second.substr(3));
    Client client(broker.websocket_port());
    if (slowly) {
      client.send_slowly(upgrade_request() + frames);
    } else {
      client.send(upgrade_request() + frames);
    }
    CHECK(client.receive(upgraded.size()) == upgraded);
    std::string received;
    const std::string expected = connack + suback() + publish(topic, "hello");
    while (received.size() < expected.size()) {
      const std::string header = client.receive(2);
      REQUIRE(header.size() == 2);
      CHECK(header[0] == '\x82');
      received += client.receive(static_cast<unsigned char>(header[1]));
    }
    CHECK(received == expected);
    client.send(client_frame(0x89, "ping") + client_frame(0x88, "\x03\xE8"));
    CHECK(client.receive_all() == server_frame(0x8A, "ping") + server_frame(0x88, "\x03\xE8"));
  }
  CHECK(eventually([&] { return broker.loops().connections() == 0; }));
}

// DISCONNECT is in the old socket before CONNECT is in the new one [MQTT-3.14.4-3].
TEST_CASE("a client that disconnects and comes back at once leaves no will", "[loops]") {
  TestBroker broker(with_loops(2));
  constexpr broker::ShardIndex home{1};
  constexpr broker::ShardIndex other{0};
  const bool websocket = GENERATE(false, true);
  const std::string id = client_at(broker, home);
  const auto open = [&](Client& client, const std::string& packets) {
    client.send(websocket ? upgrade_request() + client_frame(0x82, packets) : packets);
  };
  const auto is_accepted = [&](Client& client) {
    const std::string expected = websocket ? upgraded + server_frame(0x82, connack) : connack;
    return client.receive(expected.size()) == expected;
  };
  Client watcher(broker.port());
  watcher.send(connect(client_at(broker, other)) + subscribe("#"));
  CHECK(watcher.receive(9) == connack + suback());
  const std::uint16_t port = websocket ? broker.websocket_port() : broker.port();
  auto client = std::make_unique<Client>(port);
  open(*client, connect(id, "will"));
  REQUIRE(is_accepted(*client));
  for (int round = 0; round < 20; ++round) {
    std::unique_ptr<Client> next;
    {
      const HeldLoop held(broker, home);
      next = std::make_unique<Client>(port);  // the other loop accepts it
      const std::uint64_t before = bytes_read(broker, other);
      client->send(websocket ? client_frame(0x82, test::disconnect()) : test::disconnect());
      client->close();
      open(*next, connect(id, "will"));
      REQUIRE(eventually([&] { return bytes_read(broker, other) > before; }));
    }
    REQUIRE(is_accepted(*next));
    const std::string marker = publish("round", std::to_string(round));
    next->send(websocket ? client_frame(0x82, marker) : marker);
    REQUIRE(watcher.receive(marker.size()) == marker);
    client = std::move(next);
  }
}

TEST_CASE("a bad handshake gets an answer, and the connection is closed", "[loops]") {
  TestBroker::Options options;
  options.websockets.websockets_origins = {"https://example.com"};
  options.websockets.websockets_headers_bytes_max = 1000;
  TestBroker broker(std::move(options));
  const auto [request, status] = GENERATE(table<std::string, std::string>({
      {upgrade_request("Origin: https://evil.example\r\n"), "403 Forbidden"},
      {upgrade_request("Cookie: " + std::string(1000, 'x') + "\r\n"),
       "431 Request Header Fields Too Large"},
      {"GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", "426 Upgrade Required"},
      {"nonsense\r\n\r\n", "400 Bad Request"},
  }));
  Client client(broker.websocket_port());
  client.send(request);
  const std::string answer = client.receive_all();
  CHECK(answer.find("HTTP/1.1 " + status + "\r\n") == 0);
  if (status[0] == '4' && status[2] == '1') {
    CHECK(answer.find("1000 bytes (websockets_headers_size)") != std::string::npos);
  }
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(broker.log().says(" refused: " + status));
  client.close();
  Client good(broker.websocket_port());
  good.send(upgrade_request("Origin: https://example.com\r\n"));
  CHECK(good.receive(upgraded.size()) == upgraded);
}

TEST_CASE("a handshake with harmless defects is warned about, at a bounded rate", "[loops]") {
  TestBroker broker;
  std::string request = upgrade_request("User-Agent: old\r\n");
  request.erase(request.find("Host: "),
                request.find("\r\n", request.find("Host: ")) + 2 - request.find("Host: "));
  for (int count = 0; count < 10; ++count) {
    Client client(broker.websocket_port());
    client.send(request + client_frame(0x82, connect("old")));
    const std::string expected = upgraded + server_frame(0x82, connack);
    CHECK(client.receive(expected.size()) == expected);
  }
  CHECK(broker.log().says("is accepted with defects: it has no Host"));
  CHECK(broker.log().says("the client calls itself 'old'"));
  CHECK(broker.log().count("is accepted with defects") < 10);
}

TEST_CASE("who exceeds max_connections is sent away", "[loops]") {
  TestBroker::Options options = with_loops(2);
  options.mqtt.max_connections = options.websockets.max_connections = 1;
  TestBroker broker(std::move(options));
  Client first(broker.port());
  first.send(connect("first"));
  CHECK(first.receive(4) == connack);
  Client second(broker.port());
  CHECK(second.receive_all().empty());
  CHECK(broker.log().says("denied: max_connections exceeded."));
  Client third(broker.websocket_port());
  third.send(upgrade_request());
  CHECK(third.receive(upgraded.size()) == upgraded);
  Client fourth(broker.websocket_port());
  const std::string answer = fourth.receive_all();
  CHECK(answer.find("HTTP/1.1 503 Service Unavailable\r\n") == 0);
  CHECK(answer.find("Retry-After: ") != std::string::npos);
  first.close();
  CHECK(eventually([&] { return broker.listener(0).connections().count() == 0; }));
  Client fifth(broker.port());
  fifth.send(connect("fifth"));
  CHECK(fifth.receive(4) == connack);
}

TEST_CASE("a client that reads slowly gets every byte in order", "[loops]") {
  TestBroker broker(with_loops(GENERATE(1U, 2U)));
  const bool websocket = GENERATE(false, true);
  CAPTURE(websocket);
  constexpr unsigned messages = 15;
  std::string payload(900'000, '\0');
  for (std::size_t at = 0; at < payload.size(); ++at) {
    payload[at] = static_cast<char>(at * 31 + at / 255);
  }
  Client reader(websocket ? broker.websocket_port() : broker.port(), 4096);
  const std::string hello = connect("reader") + subscribe("big", 1);
  if (websocket) {
    reader.send(upgrade_request() + client_frame(0x82, hello));
    REQUIRE(reader.receive_until("\x90\x03\x00\x01\x01"s).ends_with("\x01"));
  } else {
    reader.send(hello);
    REQUIRE(reader.receive(9) == connack + suback(1));
  }
  Client writer(broker.port());
  writer.send(connect("writer"));
  CHECK(writer.receive(4) == connack);
  for (unsigned number = 1; number <= messages; ++number) {
    payload[0] = static_cast<char>(number);
    writer.send(publish("big", payload, number));
    CHECK(writer.receive(4) == "\x40\x02\x00"s + static_cast<char>(number));
  }
  std::string stream;
  const std::size_t message_bytes = publish("big", payload, 1).size();
  while (stream.size() < messages * message_bytes) {
    if (websocket) {
      std::string head = reader.receive(2);
      REQUIRE(head.size() == 2);
      std::size_t size = static_cast<unsigned char>(head[1]);
      if (size > 125) {
        head = reader.receive(size == 126 ? 2 : 8);
        size = 0;
        for (const char byte : head) size = size << 8U | static_cast<unsigned char>(byte);
      }
      stream += reader.receive(size);
    } else {
      const std::string more = reader.receive(message_bytes);
      REQUIRE_FALSE(more.empty());
      stream += more;
    }
  }
  bool same = true;
  for (unsigned number = 1; number <= messages; ++number) {
    payload[0] = static_cast<char>(number);
    same = same && std::string_view(stream).substr((number - 1) * message_bytes, message_bytes) ==
                       publish("big", payload, number);
  }
  CHECK(same);
}

TEST_CASE("each MQTT packet of a turn comes in a WebSocket frame of its own", "[loops]") {
  TestBroker broker;
  Client client(broker.websocket_port());
  // Handled in one turn, and answered in one write.
  client.send(upgrade_request() +
              client_frame(0x82, connect("own") + subscribe("t") + publish("t", "one") +
                                     publish("t", std::string(5000, 'x')) + publish("t", "two")));
  const std::string expected = upgraded + server_frame(0x82, connack) +
                               server_frame(0x82, suback()) +
                               server_frame(0x82, publish("t", "one")) +
                               server_frame(0x82, publish("t", std::string(5000, 'x'))) +
                               server_frame(0x82, publish("t", "two"));
  CHECK(client.receive(expected.size()) == expected);
}

TEST_CASE("a handshake that does not come is not waited for", "[loops]") {
  TestBroker::Options options;
  options.loop.handshake_timeout_seconds = 1;
  TestBroker broker(std::move(options));
  Client client(broker.websocket_port());
  client.send("GET / HTTP/1.1\r\n");
  CHECK(client.receive_all().empty());
  CHECK(broker.log().says("no WebSocket handshake came in time"));
}

TEST_CASE("accepting pauses while descriptors are out, and goes on", "[loops]") {
  TestBroker broker;
  Client before(broker.port());
  before.send(connect("before"));
  CHECK(before.receive(4) == connack);
  Client waiting(broker.port());
  waiting.send(connect("waiting"));
  CHECK(waiting.receive(4) == connack);

  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  const rlimit lower{static_cast<rlim_t>(socket.get()), limit.rlim_max};
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  REQUIRE(::getpeername(before.descriptor(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &lower) == 0);
  CHECK(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(broker.log().says("too many open files"));
  before.send(subscribe("t"));
  CHECK(before.receive(5) == suback());
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  const std::string hello = connect("late");
  REQUIRE(::send(socket.get(), hello.data(), hello.size(), 0) > 0);
  std::string answer(4, '\0');
  CHECK(::recv(socket.get(), answer.data(), answer.size(), MSG_WAITALL) == 4);
  CHECK(answer == connack);
}

TEST_CASE("a shard that takes no mail stops those who publish to it, and nobody is late",
          "[loops]") {
  TestBroker broker(with_loops(2));
  broker::Shard& first = broker.loops().shard(broker::ShardIndex{0});
  const auto named = [&](const std::string& name, std::uint32_t home) {
    std::string id = name;
    while (static_cast<std::uint32_t>(first.home_of(id)) != home) id += 'x';
    return id;
  };
  Client subscriber(broker.port());
  subscriber.send(connect(named("subscriber", 1)) + subscribe("t"));
  CHECK(subscriber.receive(9) == connack + suback());
  Client publisher(broker.port());
  std::string hello = connect(named("publisher", 0));
  hello[11] = 1;  // keep alive, of one second
  publisher.send(hello);
  CHECK(publisher.receive(4) == connack);

  std::atomic<bool> stuck = true;
  broker.loops().post(broker::ShardIndex{1},
                      [&](broker::Shard&, broker::Instant) { stuck.wait(true); });
  // QoS 1, so that nothing may be dropped; as much as the sockets and the mailbox take.
  const std::string message = publish("t", std::string(100'000, 'x'), 1);
  std::size_t sent = 0;
  std::size_t in_vain = 0;
  while (in_vain < 25 && sent < 100'000'000) {
    const std::size_t at = sent % message.size();
    const ssize_t count = ::send(publisher.descriptor(), message.data() + at, message.size() - at,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      in_vain = 0;
    } else {
      ++in_vain;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));  // longer than the keep alive
    }
  }
  CHECK(sent > 16'000'000);
  CHECK(sent < 40'000'000);

  stuck = false;
  stuck.notify_all();
  const std::size_t whole = (sent + message.size() - 1) / message.size();
  const std::string rest = message.substr(sent % message.size());
  std::thread finish([&] {
    if (rest.size() < message.size()) publisher.send(rest);
  });
  // Delivered with QoS 0: two bytes less each, for the packet identifier.
  const std::size_t expected = whole * (message.size() - 2);
  CHECK(subscriber.receive(expected).size() == expected);
  finish.join();
  CHECK(publisher.receive(whole * 4).size() == whole * 4);
  publisher.send(test::pingreq());
  CHECK(publisher.receive(2) == test::pingresp());
}

TEST_CASE("work is posted to a shard's own thread, in order", "[loops]") {
  TestBroker broker(with_loops(2));
  std::atomic<int> done{0};
  bool ordered = true;
  for (int number = 0; number < 100; ++number) {
    broker.loops().post(broker::ShardIndex{1}, [&, number](broker::Shard&, broker::Instant now) {
      ordered = ordered && done.load() == number && now.milliseconds > 0;
      ++done;
    });
  }
  CHECK(eventually([&] { return done.load() == 100; }));
  CHECK(ordered);
}

}  // namespace transport
