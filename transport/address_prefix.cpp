#include "transport/address_prefix.h"

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>

namespace transport {

namespace {

constexpr std::size_t ipv4_at = 12;  // behind ::ffff:
constexpr unsigned ipv4_at_bits = 96;
constexpr unsigned all_bits = 128;

}  // namespace

AddressPrefix::AddressPrefix(const PeerAddress& address, unsigned ipv6_bits) noexcept
    : bits_(static_cast<std::uint8_t>(address.family() == AF_INET ? all_bits : ipv6_bits)) {
  const auto raw = address.bytes();
  std::ranges::copy(raw, bytes_.begin() + (address.family() == AF_INET ? ipv4_at : 0));
  if (address.family() == AF_INET) bytes_[ipv4_at - 1] = bytes_[ipv4_at - 2] = 0xFF;
  for (unsigned i = 0; i < bytes_.size(); ++i) {
    const unsigned kept = std::clamp<unsigned>(bits_, i * 8, i * 8 + 8) - i * 8;
    bytes_[i] = static_cast<std::uint8_t>(bytes_[i] & (0xFF00U >> kept));
  }
}

// FNV-1a.
std::size_t AddressPrefix::hash() const noexcept {
  std::uint32_t hash = 2166136261U;
  for (const std::uint8_t byte : bytes_) hash = (hash ^ byte) * 16777619U;
  return hash;
}

std::string AddressPrefix::text() const {
  const bool ipv4 = bits_ == all_bits && bytes_[ipv4_at - 1] == 0xFF &&
                    bytes_[ipv4_at - 2] == 0xFF &&
                    std::all_of(bytes_.begin(), bytes_.begin() + ipv4_at - 2,
                                [](std::uint8_t byte) { return byte == 0; });
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(ipv4 ? AF_INET : AF_INET6, bytes_.data() + (ipv4 ? ipv4_at : 0), text.data(),
            text.size());
  return bits_ == all_bits ? text.data() : text.data() + ("/" + std::to_string(bits_));
}

}  // namespace transport
