#include "transport/nats/bell.h"

#include <cstdint>
#include <sys/eventfd.h>
#include <unistd.h>

namespace transport {

Bell::Bell() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Bell::ring() noexcept {
  const std::uint64_t one = 1;
  // It fails only if it rings already.
  [[maybe_unused]] const ssize_t written = ::write(descriptor_.get(), &one, sizeof one);
}

void Bell::silence() noexcept {
  std::uint64_t rings = 0;
  [[maybe_unused]] const ssize_t count = ::read(descriptor_.get(), &rings, sizeof rings);
}

}  // namespace transport
