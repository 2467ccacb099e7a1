// test/link/server.h
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "transport/descriptor.h"

namespace test {

/// One connection of a scripted server: its calls wait, ten seconds at most.
class Peer {
 public:
  explicit Peer(transport::Descriptor socket) : socket_(std::move(socket)) {}

  /// Reads until so many bytes have come in all, or the connection has ended.
  std::string read(std::size_t size) {
    std::string text(size, '\0');
    std::size_t have = 0;
    while (have < size && wait()) {
      const ssize_t count = ::recv(socket_.get(), text.data() + have, size - have, 0);
      if (count <= 0) break;
      have += static_cast<std::size_t>(count);
    }
    text.resize(have);
    return text;
  }
  /// Reads to the end of the connection.
  std::string read_all() {
    std::string text;
    for (std::string more = read(1); !more.empty(); more = read(1)) text += more;
    return text;
  }
  /// Reads until the text ends so, or the connection has ended.
  std::string read_until(std::string_view end) {
    std::string text;
    while (!text.ends_with(end)) {
      const std::string more = read(1);
      if (more.empty()) break;
      text += more;
    }
    return text;
  }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  void close() { socket_ = transport::Descriptor(); }
  /// Closes with a reset.
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }

 private:
  [[nodiscard]] bool wait() const {
    pollfd one{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 10'000) == 1;
  }

  transport::Descriptor socket_;
};

/// A port of loopback that listens.
class Server {
 public:
  Server() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_.get(), generic, sizeof address) == 0);
    REQUIRE(::listen(socket_.get(), 8) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(socket_.get(), generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] Peer accept() const {
    return Peer(transport::Descriptor(::accept(socket_.get(), nullptr, nullptr)));
  }

 private:
  transport::Descriptor socket_;
  std::uint16_t port_ = 0;
};

}  // namespace test
