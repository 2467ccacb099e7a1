// transport/peer_address.h
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace transport {

/// The address of a client, kept small.
///
/// Invariant  An IPv4 address in IPv6 form (::ffff:192.0.2.1) is stored as one of IPv4: code that
///            judges addresses need not know of both forms. A socket for both families, as systemd
///            passes it, shows it so, and proxies write it so.
class PeerAddress {
 public:
  using Ipv4 = std::span<const unsigned char, 4>;
  using Ipv6 = std::span<const unsigned char, 16>;

  /// A client on a unix socket: it has no address.
  PeerAddress() = default;
  explicit PeerAddress(const sockaddr_storage& address) noexcept;
  PeerAddress(Ipv4 bytes, std::uint16_t port) noexcept;
  PeerAddress(Ipv6 bytes, std::uint16_t port) noexcept;

  /// Reads "192.0.2.1" or "2001:db8::1", without brackets, port or zone. Nothing if it is neither.
  [[nodiscard]] static std::optional<PeerAddress> parse(std::string_view text,
                                                        std::uint16_t port = 0);

  /// "192.0.2.1", "2001:db8::1"; "unix" for a client on a unix socket.
  [[nodiscard]] std::string text() const;
  /// "192.0.2.1:49152", as log lines have it; without a port that is not known.
  [[nodiscard]] std::string text_with_port() const;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] bool is_unix() const noexcept { return family_ == AF_UNIX; }
  /// AF_INET, AF_INET6 or AF_UNIX.
  [[nodiscard]] int family() const noexcept { return family_; }
  /// The 4 or 16 bytes of the address, as the network has them; none for a unix socket.
  [[nodiscard]] std::span<const unsigned char> bytes() const noexcept;

  /// Address and port.
  bool operator==(const PeerAddress&) const = default;

 private:
  std::uint16_t family_ = AF_UNIX;
  std::uint16_t port_ = 0;
  std::array<unsigned char, 16> bytes_{};
};

}  // namespace transport
