#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace auth {

/// A clear-text password: bytes that are wiped when they are no longer needed.
///
/// Shape      Any bytes, NUL among them: all of them count.
/// Lifetime   Owns its bytes. Moving hands the one buffer on; nothing is copied behind your back.
/// Threads    None of its own: one owner at a time.
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
  std::vector<unsigned char> bytes_;  // never grows, so no copy is left behind by a reallocation
};

}  // namespace auth
