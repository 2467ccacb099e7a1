#include "transport/proxy_memory.h"

namespace transport {

FieldSet ProxyMemory::always(std::uint16_t listener, const PeerAddress& proxy, FieldSet present) {
  // A program on the proxy's machine that connects directly shows nothing about the proxy.
  if (present.empty()) return present;
  const std::scoped_lock lock(mutex_);
  const Key key{listener, proxy.text()};
  const auto known = written_.find(key);
  if (known != written_.end()) return known->second = known->second.both(present);
  if (written_.size() < proxies_max) written_.emplace(key, present);
  return present;
}

bool ProxyMemory::is_new_stranger(std::uint16_t listener, const PeerAddress& address) {
  const std::scoped_lock lock(mutex_);
  return strangers_.size() < strangers_max && strangers_.emplace(listener, address.text()).second;
}

}  // namespace transport
