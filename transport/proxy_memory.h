// transport/proxy_memory.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "transport/forwarded.h"
#include "transport/peer_address.h"

namespace transport {

/// Remembers the fields that each proxy in front of WebSocket listeners has been seen to write.
///
/// Shape      For each listener and address of a proxy: the fields that every request had. A client
///            can add a field, but not take away one that the proxy writes; so a field that was
///            missing once is not the proxy's, and the others become ever more certain.
/// Invariant  At most proxies_max proxies and strangers_max strangers are remembered; nothing is
///            learned of further ones.
/// Threads    Any.
class ProxyMemory {
 public:
  static constexpr std::size_t proxies_max = 1024;
  static constexpr std::size_t strangers_max = 32;

  /// A trusted proxy sent a request with the fields `present`.
  ///
  /// Returns   The fields that its requests always had, this one included; `present` for a proxy
  ///           that is not remembered.
  [[nodiscard]] FieldSet always(std::uint16_t listener, const PeerAddress& proxy, FieldSet present);
  /// A peer that is no trusted proxy sent a field that names a client. Returns whether that is to
  /// be logged: once for each listener and address.
  [[nodiscard]] bool is_new_stranger(std::uint16_t listener, const PeerAddress& address);

 private:
  using Key = std::pair<std::uint16_t, std::string>;  // listener, and address without its port

  std::mutex mutex_;  // guards the members below
  std::map<Key, FieldSet> written_;
  std::set<Key> strangers_;
};

}  // namespace transport
