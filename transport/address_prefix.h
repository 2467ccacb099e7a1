// transport/address_prefix.h
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "transport/peer_address.h"

namespace transport {

/// The unit in which addresses are counted: an IPv4 address, or all IPv6 addresses with a prefix.
///
/// Shape      IPv4 addresses stand as IPv6 addresses that are mapped (RFC 4291, section 2.5.5.2).
/// Units      Bits, of 128.
/// Threads    None.
class AddressPrefix {
 public:
  /// "::/0": everybody.
  AddressPrefix() = default;
  /// An IPv6 address counts with all that share its first `ipv6_bits`.
  ///
  /// Requires  An address: a client on a unix socket has none.
  AddressPrefix(const PeerAddress& address, unsigned ipv6_bits) noexcept;

  /// Whether an address counts here. Requires an address, as above.
  [[nodiscard]] bool contains(const PeerAddress& address) const noexcept {
    return AddressPrefix(address, bits_) == *this;
  }
  /// "192.0.2.1", "2001:db8::/64".
  [[nodiscard]] std::string text() const;
  /// Spreads them; not secret.
  [[nodiscard]] std::size_t hash() const noexcept;

  auto operator<=>(const AddressPrefix&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::uint8_t bits_ = 0;
};

}  // namespace transport
