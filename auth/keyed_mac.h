#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace auth {

/// A MAC of 32 bytes. Nobody outside the process can aim at one, so its first bytes are a hash.
using Mac = std::array<unsigned char, 32>;

struct MacHash {
  std::size_t operator()(const Mac& mac) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, mac.data(), sizeof value);
    return value;
  }
};

/// Makes MACs under a secret that is drawn when the object is made and never leaves it.
///
/// Lifetime   The secret is wiped with the object.
/// Threads    of() may be called from any thread.
/// Source     BLAKE2b, keyed (RFC 7693).
class KeyedMac {
 public:
  KeyedMac();
  ~KeyedMac();
  KeyedMac(const KeyedMac&) = delete;
  KeyedMac& operator=(const KeyedMac&) = delete;

  /// The MAC of a list of texts: {"ab", "c"} and {"a", "bc"} have different ones.
  [[nodiscard]] Mac of(std::initializer_list<std::string_view> parts) const;

 private:
  Mac secret_{};
};

}  // namespace auth
