#include "transport/networks.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace transport {

namespace {

constexpr std::size_t bits_per_byte = 8;

std::optional<std::size_t> parse_bits(std::string_view text, std::size_t most) {
  std::size_t bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || bits > most) return std::nullopt;
  return bits;
}

}  // namespace

std::optional<Network> Network::parse(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto address = PeerAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::size_t most = address->bytes().size() * bits_per_byte;
  if (slash == text.size()) return Network(*address, most);
  // Of an IPv4 network that is written as IPv6, the prefix counts the bits of IPv6.
  const bool mapped = address->family() == AF_INET && text.find(':') < slash;
  constexpr std::size_t mapped_bits = 96;
  const auto bits = parse_bits(text.substr(slash + 1), most + (mapped ? mapped_bits : 0));
  if (!bits || (mapped && *bits < mapped_bits)) return std::nullopt;
  return Network(*address, *bits - (mapped ? mapped_bits : 0));
}

bool Network::contains(const PeerAddress& address) const noexcept {
  if (address.family() != address_.family()) return false;
  const auto own = address_.bytes();
  const auto other = address.bytes();
  const std::size_t whole = prefix_bits_ / bits_per_byte;
  if (!std::ranges::equal(own.first(whole), other.first(whole))) return false;
  const std::size_t rest = prefix_bits_ % bits_per_byte;
  if (rest == 0) return true;
  const unsigned mask = 0xFFU << (bits_per_byte - rest);
  return ((static_cast<unsigned>(own[whole]) ^ static_cast<unsigned>(other[whole])) & mask &
          0xFFU) == 0;
}

bool Networks::add(std::string_view text) {
  if (text == "unix") return unix_ = true;
  const auto network = Network::parse(text);
  if (network) networks_.push_back(*network);
  return network.has_value();
}

bool Networks::contains(const PeerAddress& address) const noexcept {
  if (address.is_unix()) return unix_;
  return std::ranges::any_of(networks_,
                             [&](const Network& each) { return each.contains(address); });
}

}  // namespace transport
