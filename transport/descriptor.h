// transport/descriptor.h
#pragma once

#include <algorithm>
#include <cstdint>
#include <unistd.h>
#include <utility>

namespace transport {

/// A file descriptor with an owner that closes it.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) noexcept : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  [[nodiscard]] int get() const noexcept { return number_; }
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
  [[nodiscard]] explicit operator bool() const noexcept { return number_ >= 0; }

 private:
  int number_ = -1;
};

/// Whether `descriptor` leaves too few, of `most` that the process may have, for other uses: a
/// connection that moves, the store, a log that is opened again. 0: not known.
[[nodiscard]] constexpr bool is_one_of_the_last(int descriptor, std::uint64_t most) noexcept {
  if (most == 0) return false;
  const std::uint64_t kept = std::clamp<std::uint64_t>(most / 8, 4, 64);
  return static_cast<std::uint64_t>(descriptor) + kept >= most;
}

}  // namespace transport
