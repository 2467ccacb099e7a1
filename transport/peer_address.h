// transport/peer_address.h
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <sys/socket.h>

namespace transport {

/// The address of a client, kept small.
class PeerAddress {
 public:
  /// A client on a unix socket: it has no address.
  PeerAddress() = default;
  explicit PeerAddress(const sockaddr_storage& address) noexcept;

  /// "192.0.2.1", "2001:db8::1"; "unix" for a client on a unix socket.
  [[nodiscard]] std::string text() const;
  /// "192.0.2.1:49152", as log lines have it.
  [[nodiscard]] std::string text_with_port() const;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] bool is_unix() const noexcept { return family_ == AF_UNIX; }

 private:
  std::uint16_t family_ = AF_UNIX;
  std::uint16_t port_ = 0;
  std::array<unsigned char, 16> bytes_{};
};

}  // namespace transport
