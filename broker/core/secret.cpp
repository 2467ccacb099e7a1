#include "broker/core/secret.h"

#include <utility>

#include "broker/wire/bytes.h"

namespace broker {

// A compiler leaves out plain writes that nothing reads.
void wipe(std::span<std::byte> bytes) noexcept {
  for (volatile std::byte& each : bytes) each = std::byte{0};
}

Secret::Secret(std::string_view text) : Secret(mqtt::as_bytes(text)) {}

Secret::Secret(std::span<const std::byte> bytes) : bytes_(bytes.begin(), bytes.end()) {}

Secret::Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

Secret::~Secret() { wipe(); }

std::string_view Secret::text() const noexcept { return mqtt::as_text(bytes_); }

void Secret::wipe() noexcept {
  broker::wipe(bytes_);
  bytes_.clear();
}

}  // namespace broker
