#include "transport/peer_address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>

namespace transport {

namespace {

constexpr std::size_t ipv4_bytes = 4;
constexpr std::array<unsigned char, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

PeerAddress::PeerAddress(const sockaddr_storage& address) noexcept {
  if (address.ss_family == AF_INET) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address, sizeof ipv4);
    std::array<unsigned char, ipv4_bytes> bytes{};
    std::memcpy(bytes.data(), &ipv4.sin_addr, bytes.size());
    *this = PeerAddress(Ipv4(bytes), ntohs(ipv4.sin_port));
  } else if (address.ss_family == AF_INET6) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address, sizeof ipv6);
    std::array<unsigned char, 16> bytes{};
    std::memcpy(bytes.data(), &ipv6.sin6_addr, bytes.size());
    *this = PeerAddress(Ipv6(bytes), ntohs(ipv6.sin6_port));
  }
}

PeerAddress::PeerAddress(Ipv4 bytes, std::uint16_t port) noexcept : family_(AF_INET), port_(port) {
  std::ranges::copy(bytes, bytes_.begin());
}

PeerAddress::PeerAddress(Ipv6 bytes, std::uint16_t port) noexcept : family_(AF_INET6), port_(port) {
  if (std::ranges::equal(bytes.first(mapped.size()), mapped)) {
    *this = PeerAddress(Ipv4(bytes.last<ipv4_bytes>()), port);
  } else {
    std::ranges::copy(bytes, bytes_.begin());
  }
}

std::optional<PeerAddress> PeerAddress::parse(std::string_view text, std::uint16_t port) {
  const std::string terminated(text.substr(0, INET6_ADDRSTRLEN));
  if (terminated.size() != std::strlen(terminated.c_str())) return std::nullopt;
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return PeerAddress(Ipv4(std::span(bytes).first<ipv4_bytes>()), port);
  }
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) {
    return PeerAddress(Ipv6(bytes), port);
  }
  return std::nullopt;
}

std::span<const unsigned char> PeerAddress::bytes() const noexcept {
  if (is_unix()) return {};
  return std::span(bytes_).first(family_ == AF_INET ? ipv4_bytes : bytes_.size());
}

std::string PeerAddress::text() const {
  if (is_unix()) return "unix";
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family_, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::string PeerAddress::text_with_port() const {
  return port_ == 0 ? text() : text() + ":" + std::to_string(port_);
}

}  // namespace transport
