#include "broker/server/activated_sockets.h"

#include <catch2/catch.hpp>

namespace {

using server::ActivatedSocket;
using server::ActivatedSockets;
using transport::ListenerOptions;

ActivatedSocket tcp(std::string address, std::uint16_t port, std::string name = "darter.socket") {
  return {.descriptor = {},
          .name = std::move(name),
          .unix_path = {},
          .address = std::move(address),
          .port = port};
}

ActivatedSocket unix_socket(std::string path, std::string name = "darter.socket") {
  return {.descriptor = {},
          .name = std::move(name),
          .unix_path = std::move(path),
          .address = {},
          .port = 0};
}

ListenerOptions listener(std::uint16_t port, std::string address = {}) {
  ListenerOptions options;
  options.port = port;
  options.address = std::move(address);
  return options;
}

ListenerOptions unix_listener(std::string path) {
  ListenerOptions options;
  options.port = 0;
  options.unix_socket_path = std::move(path);
  return options;
}

}  // namespace

TEST_CASE("a socket belongs to the listener of its port and address", "[server]") {
  CHECK(fits(tcp("127.0.0.1", 1883), listener(1883, "127.0.0.1")));
  CHECK(fits(tcp("::1", 1883), listener(1883, "::1")));
  CHECK(fits(tcp("127.0.0.1", 1883), listener(1883, "localhost")));
  CHECK_FALSE(fits(tcp("127.0.0.1", 1884), listener(1883, "127.0.0.1")));
  CHECK_FALSE(fits(tcp("127.0.0.2", 1883), listener(1883, "127.0.0.1")));
  CHECK(fits(tcp("0.0.0.0", 1883), listener(1883)));
  CHECK(fits(tcp("::", 1883), listener(1883)));
  // A listener of all addresses is not served by a socket of one, nor the other way round.
  CHECK_FALSE(fits(tcp("127.0.0.1", 1883), listener(1883)));
  CHECK_FALSE(fits(tcp("0.0.0.0", 1883), listener(1883, "127.0.0.1")));
  ListenerOptions local = listener(1883);
  local.loopback_only = true;
  CHECK(fits(tcp("127.0.0.1", 1883), local));
  CHECK(fits(tcp("::1", 1883), local));
  CHECK_FALSE(fits(tcp("::", 1883), local));
}

TEST_CASE("a unix socket belongs to the listener of its path", "[server]") {
  CHECK(fits(unix_socket("/run/a"), unix_listener("/run/a")));
  CHECK_FALSE(fits(unix_socket("/run/b"), unix_listener("/run/a")));
  CHECK_FALSE(fits(unix_socket("/run/a"), listener(1883)));
  CHECK_FALSE(fits(tcp("127.0.0.1", 0), unix_listener("/run/a")));
}

TEST_CASE("a name that tells wins over the place", "[server]") {
  CHECK(fits(tcp("0.0.0.0", 443, "8883"), listener(8883)));
  CHECK_FALSE(fits(tcp("0.0.0.0", 443, "8883"), listener(443)));
  CHECK(fits(unix_socket("/run/b", "/run/a"), unix_listener("/run/a")));
  CHECK_FALSE(fits(unix_socket("/run/a", "/run/b"), unix_listener("/run/a")));
  CHECK_FALSE(fits(tcp("0.0.0.0", 443, ""), listener(8883)));
}

TEST_CASE("what nobody takes is named", "[server]") {
  std::vector<ActivatedSocket> all;
  all.push_back(tcp("0.0.0.0", 1));
  all.push_back(tcp("::", 1));
  all.push_back(tcp("::1", 2));
  all.push_back(unix_socket("/run/a", "7"));
  ActivatedSockets sockets(std::move(all));
  CHECK(sockets.take(listener(1)).size() == 2);
  CHECK(sockets.take(listener(1)).empty());
  const auto rest = sockets.all_taken();
  REQUIRE_FALSE(rest);
  CHECK(rest.error().find("[::1]:2, /run/a named '7'") != std::string::npos);
  CHECK(sockets.take(listener(2, "::1")).size() == 1);
  CHECK(sockets.take(listener(7)).size() == 1);
  CHECK(sockets.all_taken());
}
