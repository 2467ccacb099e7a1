// transport/networks.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "transport/peer_address.h"

namespace transport {

/// A block of addresses.
///
/// Shape      "192.0.2.0/24", "2001:db8::/32"; without the slash one address.
/// Source     RFC 4632, RFC 4291, section 2.3.
class Network {
 public:
  /// Nothing if `text` is no network. Bits behind the prefix are ignored, as routers do.
  [[nodiscard]] static std::optional<Network> parse(std::string_view text);

  [[nodiscard]] bool contains(const PeerAddress& address) const noexcept;
  bool operator==(const Network&) const = default;

 private:
  Network(const PeerAddress& address, std::size_t prefix_bits) noexcept
      : address_(address), prefix_bits_(prefix_bits) {}

  PeerAddress address_;
  std::size_t prefix_bits_;
};

/// A list of networks, and whether clients on unix sockets are among them.
class Networks {
 public:
  /// Adds a network, or "unix". Returns false, and adds nothing, if `text` is neither.
  [[nodiscard]] bool add(std::string_view text);
  [[nodiscard]] bool contains(const PeerAddress& address) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return networks_.empty() && !unix_; }
  bool operator==(const Networks&) const = default;

 private:
  std::vector<Network> networks_;
  bool unix_ = false;
};

}  // namespace transport
