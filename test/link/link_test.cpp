#include "transport/link/link.h"

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "test/link/server.h"

using test::Server;
using transport::Link;
using transport::LinkEnd;
using transport::LinkFault;
using transport::LinkOptions;

namespace {

/// A loop with a link, and all that its user heard.
class World final : public transport::LinkUser {
 public:
  World() {
    REQUIRE(uv_loop_init(&loop_) == 0);
    async.data = this;
    REQUIRE(uv_async_init(&loop_, &async, [](uv_async_t* handle) {
              static_cast<World*>(handle->data)->woken = true;
            }) == 0);
    uv_unref(reinterpret_cast<uv_handle_t*>(&async));
  }
  ~World() {
    link.reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&async), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop_) == 0);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void link_opened() override {
    ++opened;
    if (on_opened) on_opened();
  }
  void link_received(mqtt::Bytes bytes) override {
    received += mqtt::as_text(bytes);
    if (on_received) on_received();
  }
  void link_writable() override { ++writable; }
  void link_closed(const LinkEnd& end) override {
    ends.push_back(end);
    if (on_closed) on_closed();
  }
  void send(std::string_view text) {
    mqtt::ByteBuffer packets;
    packets.append(text);
    link->write(packets);
    CHECK(packets.empty());
  }
  /// Runs until there is nothing left to do.
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }
  void run_until(const std::function<bool()>& done) {
    while (!done() && uv_run(&loop_, UV_RUN_ONCE) != 0) {
    }
    CHECK(done());
  }
  uv_loop_t* loop() { return &loop_; }

 private:
  uv_loop_t loop_{};

 public:
  std::unique_ptr<Link> link = std::make_unique<Link>(&loop_, *this);
  uv_async_t async{};  // for other threads
  bool woken = false;
  int opened = 0;
  int writable = 0;
  std::string received;
  std::vector<LinkEnd> ends;
  std::function<void()> on_opened;
  std::function<void()> on_received;
  std::function<void()> on_closed;
};

LinkOptions to(std::uint16_t port) {
  LinkOptions options;
  options.address.host = "127.0.0.1";
  options.address.port = port;
  return options;
}
std::string text_of(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

TEST_CASE("a link carries bytes both ways, and closes in order", "[link]") {
  const Server server;
  World world;
  std::vector<std::string> heard;  // Catch2 checks on one thread only
  std::thread peer([&] {
    auto accepted = server.accept();
    heard.push_back(accepted.read(4));
    accepted.send("pong");
    heard.push_back(accepted.read_all());
  });
  world.on_opened = [&] {
    CHECK(world.link->is_open());
    CHECK(world.link->description() == text_of(server.port()));
    world.send("ping");
  };
  world.on_received = [&] {
    if (world.received != "pong") return;
    world.send("last");
    world.link->close();
    CHECK_FALSE(world.link->is_open());
    CHECK_FALSE(world.link->is_idle());
  };
  world.link->open(to(server.port()));
  CHECK_FALSE(world.link->is_idle());
  world.run();
  peer.join();
  CHECK(heard == std::vector<std::string>{"ping", "last"});
  CHECK(world.opened == 1);
  REQUIRE(world.ends.size() == 1);
  CHECK(world.ends[0].fault == LinkFault::none);
  CHECK(world.link->is_idle());
}

TEST_CASE("why a link ended is said", "[link]") {
  World world;
  std::uint16_t port = 0;
  {
    const Server gone;
    port = gone.port();
  }
  world.link->open(to(port));
  world.run();
  REQUIRE(world.ends.size() == 1);
  CHECK(world.opened == 0);
  CHECK(world.ends[0].fault == LinkFault::network);
  CHECK(world.ends[0].text ==
        text_of(port) + ": Connection refused (nothing listens there, or a firewall refuses)");

  const Server server;
  const bool resets = GENERATE(false, true);
  std::thread peer([&] {
    auto accepted = server.accept();
    accepted.read(1);
    if (resets) accepted.reset();
  });
  world.on_opened = [&] { world.send("x"); };
  world.link->open(to(server.port()));
  world.run();
  peer.join();
  REQUIRE(world.ends.size() == 2);
  CHECK(world.ends[1].fault == (resets ? LinkFault::network : LinkFault::none));
  CHECK(world.ends[1].text ==
        text_of(server.port()) +
            (resets ? ": Connection reset by peer" : ": the server closed the connection"));
}

TEST_CASE("a link takes no more than its bound while its peer does not read", "[link]") {
  const Server server;
  World world;
  LinkOptions options = to(server.port());
  options.unsent_bytes_max = 1000;
  world.link->open(options);
  world.run_until([&] { return world.opened == 1; });
  auto accepted = server.accept();
  std::size_t taken = 0;
  mqtt::ByteBuffer packets;
  while (packets.empty()) {
    packets.append(std::string(100'000, 'x'));
    world.link->write(packets);
    if (packets.empty()) taken += 100'000;
  }
  CHECK(packets.size() == 100'000);
  CHECK(world.link->unsent() >= 1000);
  CHECK(world.writable == 0);
  std::size_t read_bytes = 0;
  std::thread reader([&] { read_bytes = accepted.read(taken).size(); });
  world.run_until([&] { return world.writable == 1; });
  CHECK(world.link->unsent() < 1000);
  world.run_until([&] { return world.link->unsent() == 0; });
  reader.join();
  CHECK(read_bytes == taken);
}

TEST_CASE("a link that is not to read does not", "[link]") {
  const Server server;
  World world;
  world.on_opened = [&] { world.link->set_reading(false); };
  world.link->open(to(server.port()));
  world.run_until([&] { return world.opened == 1; });
  auto accepted = server.accept();
  accepted.send("abc");
  for (int count = 0; count < 10; ++count) uv_run(world.loop(), UV_RUN_NOWAIT);
  CHECK(world.received.empty());
  world.link->set_reading(true);
  world.run_until([&] { return world.received == "abc"; });
}

TEST_CASE("a link may be given up or destroyed at any time", "[link]") {
  const Server server;
  World world;
  const int when = GENERATE(range(0, 5));
  const bool destroys = GENERATE(false, true);
  CAPTURE(when, destroys);
  const auto end = [&] {
    if (destroys) {
      world.link.reset();
    } else {
      world.link->cancel();
      CHECK(world.link->is_idle());
    }
  };
  std::thread peer([&] {
    auto accepted = server.accept();
    accepted.send("x");
    if (when != 4) accepted.read_all();
  });
  if (when == 2) world.on_opened = end;
  if (when == 3) world.on_received = end;
  if (when == 4) world.on_closed = end;
  LinkOptions options = to(server.port());
  world.link->open(options);
  if (when == 1) uv_run(world.loop(), UV_RUN_NOWAIT);
  if (when <= 1) {
    end();
    // The server's thread waits for a connection.
    if (world.link == nullptr) world.link = std::make_unique<Link>(world.loop(), world);
    world.on_opened = [&] { world.link->cancel(); };
    world.link->open(options);
  }
  world.run();
  peer.join();
  CHECK(world.ends.size() == (when == 4 ? 1 : 0));
}

TEST_CASE("a link that is closed before it is open ends", "[link]") {
  const Server server;
  World world;
  world.link->close();
  LinkOptions options = to(server.port());
  const bool shakes = GENERATE(false, true);
  if (shakes) options.address.scheme = transport::LinkScheme::ws;
  world.link->open(options);
  if (shakes) {
    std::string request;
    std::string more;
    std::thread peer([&] {
      auto accepted = server.accept();
      request = accepted.read_until("\r\n\r\n");
      uv_async_send(&world.async);
      more = accepted.read_all();
    });
    world.run_until([&] { return world.woken; });
    world.link->close();
    world.run_until([&] { return !world.ends.empty(); });
    peer.join();
    CHECK(request.starts_with("GET /mqtt HTTP/1.1\r\n"));
    CHECK(more.empty());
  }
  world.link->close();
  world.run();
  CHECK(world.opened == 0);
  REQUIRE(world.ends.size() == 1);
  CHECK(world.ends[0].fault == LinkFault::none);
}

TEST_CASE("a server that does not answer in time is told", "[link]") {
  const Server server;
  World world;
  LinkOptions options = to(server.port());
  options.address.scheme = transport::LinkScheme::ws;
  options.handshake_milliseconds = 20;
  world.link->open(options);
  world.run();
  REQUIRE(world.ends.size() == 1);
  CHECK(world.ends[0].fault == LinkFault::timeout);
  CHECK(world.ends[0].text ==
        text_of(server.port()) + ": no answer to the WebSocket's request in time");
}

TEST_CASE("a server that does not end a closed connection is left", "[link]") {
  const Server server;
  World world;
  LinkOptions options = to(server.port());
  options.close_milliseconds = 20;
  world.on_opened = [&] { world.link->close(); };
  world.link->open(options);
  world.run();
  REQUIRE(world.ends.size() == 1);
  CHECK(world.ends[0].fault == LinkFault::none);
}

TEST_CASE("after close() a reset is the end that was asked for", "[link]") {
  const Server server;
  World world;
  std::thread peer([&] {
    auto accepted = server.accept();
    accepted.read_all();
    accepted.reset();
  });
  world.on_opened = [&] {
    world.send("x");
    world.link->close();
  };
  world.link->open(to(server.port()));
  world.run();
  peer.join();
  REQUIRE(world.ends.size() == 1);
  CHECK(world.ends[0].fault == LinkFault::none);
}

TEST_CASE("a link may be opened again when it hears that it is over", "[link]") {
  const Server server;
  World world;
  std::thread peer([&] {
    for (int count = 0; count < 3; ++count) server.accept().close();
  });
  world.on_closed = [&] {
    if (world.ends.size() < 3) world.link->open(to(server.port()));
  };
  world.link->open(to(server.port()));
  world.run();
  peer.join();
  CHECK(world.opened == 3);
  CHECK(world.ends.size() == 3);
}
