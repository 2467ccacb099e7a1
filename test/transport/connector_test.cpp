#include "transport/connector.h"

#include <arpa/inet.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

using transport::ConnectTarget;
using transport::Descriptor;
using transport::OpenedSocket;

namespace {

/// A loop that runs until all it was asked for is done, and its handles are closed.
class TestLoop {
 public:
  TestLoop() { REQUIRE(uv_loop_init(&loop_) == 0); }
  ~TestLoop() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop_) == 0);
  }
  uv_loop_t* get() { return &loop_; }
  void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

 private:
  uv_loop_t loop_{};
};

/// A port of loopback, bound; it listens if there is a backlog.
struct Port {
  explicit Port(int backlog = 8) : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket.get(), generic, sizeof address) == 0);
    if (backlog >= 0) REQUIRE(::listen(socket.get(), backlog) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket.get(), generic, &size) == 0);
    number = ntohs(address.sin_port);
  }
  Descriptor socket;
  std::uint16_t number = 0;
};

/// Runs one connect() to its end.
std::expected<OpenedSocket, transport::ConnectFailure> connect(const ConnectTarget& target) {
  TestLoop loop;
  transport::Connector connector(loop.get());
  std::optional<std::expected<OpenedSocket, transport::ConnectFailure>> result;
  connector.connect(target, [&](auto got) { result = std::move(got); });
  CHECK(connector.busy());
  loop.run();
  REQUIRE(result.has_value());
  CHECK_FALSE(connector.busy());
  return std::move(*result);
}

}  // namespace

TEST_CASE("a connection to an address or a name is opened", "[connector]") {
  const Port port;
  const auto opened = connect({.host = GENERATE("127.0.0.1", "localhost"), .port = port.number});
  REQUIRE(opened.has_value());
  CHECK(opened->address.text_with_port() == "127.0.0.1:" + std::to_string(port.number));
  const Descriptor accepted(::accept(port.socket.get(), nullptr, nullptr));
  CHECK(accepted);
  REQUIRE(::send(opened->socket.get(), "x", 1, 0) == 1);
  char byte = 0;
  CHECK(::recv(accepted.get(), &byte, 1, 0) == 1);
}

TEST_CASE("the socket is bound and has its options", "[connector]") {
  const Port port;
  const auto opened = connect({.host = "127.0.0.1",
                               .port = port.number,
                               .socket = {.bind_address = "127.0.0.2",
                                          .keepalive_idle_seconds = 30,
                                          .user_timeout_milliseconds = 90'000}});
  REQUIRE(opened.has_value());
  sockaddr_in own{};
  socklen_t size = sizeof own;
  REQUIRE(::getsockname(opened->socket.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
  CHECK(ntohl(own.sin_addr.s_addr) == 0x7F000002);
  const auto option = [&](int level, int name) {
    int number = 0;
    socklen_t length = sizeof number;
    REQUIRE(::getsockopt(opened->socket.get(), level, name, &number, &length) == 0);
    return number;
  };
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 30);
  CHECK(option(IPPROTO_TCP, TCP_USER_TIMEOUT) == 90'000);
}

TEST_CASE("why there is no connection is said", "[connector]") {
  using Cause = transport::ConnectFailure::Cause;
  const Port deaf(-1);
  const std::string place = "127.0.0.1:" + std::to_string(deaf.number);
  const auto refused = connect({.host = "127.0.0.1", .port = deaf.number}).error();
  CHECK(refused.cause == Cause::network);
  CHECK(refused.text ==
        place + ": Connection refused (nothing listens there, or a firewall refuses)");
  const auto bound_to = [&](const char* address) {
    return connect({.host = "127.0.0.1", .port = deaf.number, .socket = {.bind_address = address}})
        .error()
        .text;
  };
  CHECK(bound_to("here") == "here is no address to bind to");
  CHECK(bound_to("::1") == place + ": ::1 is of another family");
  const std::string name(300, 'a');
  const auto unknown = connect({.host = name}).error();
  CHECK(unknown.cause == Cause::name);
  CHECK(unknown.text.starts_with(name + ": "));
}

TEST_CASE("a unix socket connects at once, or not at all", "[connector]") {
  std::string folder = "/tmp/darter-connector-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string path = folder + "/socket";
  CHECK(connect({.unix_path = path}).error().text == path + ": No such file or directory");
  CHECK(connect({.unix_path = std::string(200, 'a')})
            .error()
            .text.ends_with("too long for the path of a unix socket"));

  const Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  const auto opened = connect({.unix_path = path});
  REQUIRE(opened.has_value());
  CHECK(opened->address.is_unix());
  CHECK(Descriptor(::accept(listener.get(), nullptr, nullptr)));
  std::filesystem::remove_all(folder);
}

TEST_CASE("an address that does not answer is left in time", "[connector]") {
  const Port port(0);
  // Its queue is full when the kernel does not answer any more.
  const auto quick = [&] {
    return connect({.host = "127.0.0.1",
                    .port = port.number,
                    .socket = {.times = {.pause_milliseconds = 250, .timeout_milliseconds = 200}}});
  };
  std::vector<OpenedSocket> held;
  std::string error;
  for (int count = 0; count < 10 && error.empty(); ++count) {
    auto opened = quick();
    if (opened) {
      held.push_back(std::move(*opened));
    } else {
      CHECK(opened.error().cause == transport::ConnectFailure::Cause::timeout);
      error = opened.error().text;
    }
  }
  CHECK(error == "127.0.0.1:" + std::to_string(port.number) + ": no answer in time");
}

TEST_CASE("a connector that gives up calls nobody", "[connector]") {
  const Port port;
  TestLoop loop;
  bool called = false;
  {
    transport::Connector connector(loop.get());
    const auto note = [&](const auto&) { called = true; };
    connector.connect({.host = "localhost", .port = port.number}, note);
    if (GENERATE(true, false)) uv_run(loop.get(), UV_RUN_NOWAIT);
    called = false;
    connector.cancel();
    CHECK_FALSE(connector.busy());
    // Another one begins beside what is left of it.
    connector.connect({.host = "127.0.0.1", .port = port.number}, note);
  }
  loop.run();
  CHECK_FALSE(called);
}

TEST_CASE("a connection may be followed by another", "[connector]") {
  const Port port;
  TestLoop loop;
  transport::Connector connector(loop.get());
  int opened = 0;
  std::function<void()> again = [&] {
    connector.connect({.host = "127.0.0.1", .port = port.number}, [&](auto got) {
      REQUIRE(got.has_value());
      if (++opened < 3) again();
    });
  };
  again();
  loop.run();
  CHECK(opened == 3);
}
