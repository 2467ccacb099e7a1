#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace broker {

/// Overwrites bytes that no one reads again, so that no copy of them stays in freed memory.
void wipe(std::span<std::byte> bytes) noexcept;

/// A clear-text password: bytes that are wiped when they are no longer needed.
///
/// Shape      Any bytes, NUL among them: all of them count.
/// Lifetime   Owns its bytes, and wipes them at its end. A move hands the one buffer on without a
/// copy. Threads    None of its own: one owner at a time.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  explicit Secret(std::span<const std::byte> bytes);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret();

  [[nodiscard]] std::string_view text() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  /// Overwrites the bytes and forgets them.
  void wipe() noexcept;

 private:
  std::vector<std::byte> bytes_;  // never grows, so no copy is left behind by a reallocation
};

}  // namespace broker
