#include "transport/peer_address.h"

#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>

namespace transport {

PeerAddress::PeerAddress(const sockaddr_storage& address) noexcept {
  if (address.ss_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof ipv4);
    std::memcpy(bytes_.data(), &ipv4.sin_addr, sizeof ipv4.sin_addr);
    port_ = ntohs(ipv4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address, sizeof ipv6);
    port_ = ntohs(ipv6.sin6_port);
    // A socket for both families, as systemd passes it, shows IPv4 as ::ffff:192.0.2.1.
    if (IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr)) {
      std::memcpy(bytes_.data(), &ipv6.sin6_addr.s6_addr[12], sizeof(in_addr));
      family_ = AF_INET;
      return;
    }
    std::memcpy(bytes_.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
  } else {
    return;
  }
  family_ = address.ss_family;
}

std::string PeerAddress::text() const {
  if (is_unix()) return "unix";
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family_, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::string PeerAddress::text_with_port() const {
  return is_unix() ? text() : text() + ":" + std::to_string(port_);
}

}  // namespace transport
