#include "conf/network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <string>

namespace conf {
namespace {

/// The 4 or 16 bytes of an address; empty if it is none.
std::string bytes_of(std::string_view text) {
  const std::string address(text);
  std::string bytes(sizeof(in6_addr), '\0');
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(sizeof(in_addr));
  if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return bytes;
  return {};
}

}  // namespace

bool is_network(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string address(text.substr(0, slash));
  if (address.find('\0') != address.npos) return false;
  in_addr bytes{};
  in6_addr ipv6{};
  const bool ipv4 = inet_pton(AF_INET, address.c_str(), &bytes) == 1;
  if (!ipv4 && inet_pton(AF_INET6, address.c_str(), &ipv6) != 1) return false;
  if (slash == text.size()) return true;
  constexpr std::size_t mapped_bits = 96;
  const std::string_view prefix = text.substr(slash + 1);
  std::size_t bits = 0;
  const auto [end, error] = std::from_chars(prefix.data(), prefix.data() + prefix.size(), bits);
  if (error != std::errc() || end != prefix.data() + prefix.size()) return false;
  // An IPv4 network in the form of IPv6 has nothing in front of it that a prefix could cut.
  if (!ipv4 && IN6_IS_ADDR_V4MAPPED(&ipv6) && bits < mapped_bits) return false;
  return bits <= (ipv4 ? 32U : 128U);
}

bool network_contains(std::string_view network, std::string_view address) {
  if (!is_network(network)) return false;
  const std::size_t slash = std::min(network.find('/'), network.size());
  const std::string base = bytes_of(network.substr(0, slash));
  const std::string bytes = bytes_of(address);
  if (bytes.empty() || base.size() != bytes.size()) return false;
  std::size_t bits = base.size() * 8;
  if (slash < network.size()) {
    const std::string_view prefix = network.substr(slash + 1);
    std::from_chars(prefix.data(), prefix.data() + prefix.size(), bits);
  }
  for (std::size_t i = 0; i < base.size() && bits > 0; ++i) {
    const std::size_t here = std::min<std::size_t>(bits, 8);
    const unsigned mask = 0xFF00U >> here & 0xFFU;
    if (((static_cast<unsigned char>(base[i]) ^ static_cast<unsigned char>(bytes[i])) & mask) !=
        0) {
      return false;
    }
    bits -= here;
  }
  return true;
}

}  // namespace conf
