#include "auth/keyed_mac.h"

#include <cstdint>
#include <sodium.h>

namespace auth {

KeyedMac::KeyedMac() { randombytes_buf(secret_.data(), secret_.size()); }

KeyedMac::~KeyedMac() { sodium_memzero(secret_.data(), secret_.size()); }

Mac KeyedMac::of(std::initializer_list<std::string_view> parts) const {
  Mac mac{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, secret_.data(), secret_.size(), mac.size());
  for (const std::string_view part : parts) {
    const std::uint64_t length = part.size();
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&length),
                              sizeof length);
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                              part.size());
  }
  crypto_generichash_final(&state, mac.data(), mac.size());
  sodium_memzero(&state, sizeof state);
  return mac;
}

}  // namespace auth
