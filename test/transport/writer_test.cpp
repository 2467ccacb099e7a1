#include "transport/writer.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

#include "test/packets.h"

namespace transport {
namespace {

/// A connection of a loop of libuv, and the client's end of its socket.
class Pair {
 public:
  Pair() {
    std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): it cannot fail for SIGPIPE
    REQUIRE(uv_loop_init(&loop_) == 0);
    loop_.data = this;
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    client = Descriptor(ends[1]);
    REQUIRE(uv_pipe_init(&loop_, &connection.handle.pipe, 0) == 0);
    REQUIRE(uv_pipe_open(&connection.handle.pipe, ends[0]) == 0);
    connection.state = State::settled;
  }
  ~Pair() {
    connection.state = State::closed;
    uv_close(&connection.handle.any, nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  void turn() { uv_run(&loop_, UV_RUN_NOWAIT); }
  /// The bytes that have arrived at the client.
  std::string receive() {
    std::string all;
    char buffer[65536];
    for (ssize_t count = 0; (count = ::read(client.get(), buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(count));
    }
    return all;
  }
  /// Reads and lets libuv write until nothing is pending.
  std::string receive_pending() {
    std::string all;
    while (connection.pending != nullptr && progress != Writer::Progress::lost) {
      all += receive();
      turn();
    }
    return all + receive();
  }
  bool write(std::string_view text) {
    broker::Output output;
    output.bytes.append(text);
    return writer.write(connection, output);
  }
  /// Writes until the socket takes no more. Returns what was written.
  std::string fill() {
    std::string all;
    while (connection.pending == nullptr) {
      const std::string piece(100'000, static_cast<char>('a' + all.size() / 100'000 % 26));
      REQUIRE(write(piece));
      all += piece;
    }
    return all;
  }

  Connection connection;
  Descriptor client;
  Writer writer{on_written};
  Writer::Progress progress = Writer::Progress::pending;

 private:
  static void on_written(uv_write_t* request, int status) {
    auto& connection = *static_cast<Connection*>(request->data);
    if (connection.state == State::closed) return;
    Pair& self = *static_cast<Pair*>(connection.handle.any.loop->data);
    self.progress = self.writer.written(connection, status);
  }

  uv_loop_t loop_{};
};

}  // namespace

TEST_CASE("output leaves at once as long as the socket takes it", "[writer]") {
  Pair pair;
  REQUIRE(pair.write("one "));
  REQUIRE(pair.writer.send(pair.connection, mqtt::as_bytes("two")));
  CHECK(pair.connection.pending == nullptr);
  CHECK(Writer::queued_bytes(pair.connection) == 0);
  CHECK(pair.receive() == "one two");
}

TEST_CASE("the rest of what a socket takes leaves later, in order", "[writer]") {
  Pair pair;
  std::string sent = pair.fill();
  CHECK(Writer::queued_bytes(pair.connection) > 0);
  const std::size_t before = Writer::queued_bytes(pair.connection);
  REQUIRE(pair.write("packet"));
  REQUIRE(pair.writer.send(pair.connection, mqtt::as_bytes("frame")));
  CHECK(Writer::queued_bytes(pair.connection) == before + 11);
  sent += "packetframe";
  const bool same = pair.receive_pending() == sent;
  CHECK(same);
  CHECK(pair.progress == Writer::Progress::drained);
  CHECK(pair.connection.pending == nullptr);
}

TEST_CASE("the last Pong leaves behind what waits, unless the connection is closing", "[writer]") {
  Pair pair;
  const bool closing = GENERATE(false, true);
  CAPTURE(closing);
  std::string sent = pair.fill();
  pair.connection.pending->pong.append("pong");
  if (closing) pair.connection.state = State::closing;
  if (!closing) sent += "pong";
  const bool same = pair.receive_pending() == sent;
  CHECK(same);
}

TEST_CASE("packets leave in frames of a WebSocket", "[writer]") {
  Pair pair;
  pair.connection.websocket = std::make_unique<WebSocketReader>();
  const std::string pingresp = test::pingresp();
  REQUIRE(pair.write(pingresp));
  CHECK(pair.receive() == "\x82\x02" + pingresp);
}

TEST_CASE("a broken socket is found while writing and while output waits", "[writer]") {
  Pair pair;
  const bool waiting = GENERATE(false, true);
  CAPTURE(waiting);
  if (waiting) static_cast<void>(pair.fill());
  pair.client = Descriptor();
  if (!waiting) {
    CHECK_FALSE(pair.write("nobody reads it"));
    return;
  }
  while (pair.progress == Writer::Progress::pending) pair.turn();
  CHECK(pair.progress == Writer::Progress::lost);
}

}  // namespace transport
