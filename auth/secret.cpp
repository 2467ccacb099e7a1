#include "auth/secret.h"

#include <sodium.h>
#include <utility>

namespace auth {

Secret::Secret(std::string_view text) : bytes_(text.begin(), text.end()) {}

Secret::Secret(std::span<const std::byte> bytes)
    : bytes_(reinterpret_cast<const unsigned char*>(bytes.data()),
             reinterpret_cast<const unsigned char*>(bytes.data()) + bytes.size()) {}

Secret::Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

Secret::~Secret() { wipe(); }

std::string_view Secret::text() const noexcept {
  return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
}

void Secret::wipe() noexcept {
  if (bytes_.empty()) return;
  sodium_memzero(bytes_.data(), bytes_.size());
  bytes_.clear();
}

}  // namespace auth
