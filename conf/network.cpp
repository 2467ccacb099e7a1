#include "conf/network.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <string>

namespace conf {

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

}  // namespace conf
