#pragma once

#include <cstddef>

namespace auth {

/// The memory that a costly hash works in, kept from one hash to the next: the kernel takes
/// milliseconds to fill 19 MiB and to take it back, and any thread that allocates meanwhile, or
/// shares the core, waits for that.
///
/// Shape      One mapping of huge pages where the system has them, left out of core dumps.
/// Lifetime   Until release() or the end of the object.
/// Threads    None: each thread that hashes has one of its own.
class HashMemory {
 public:
  HashMemory() = default;
  ~HashMemory() { release(); }
  HashMemory(const HashMemory&) = delete;
  HashMemory& operator=(const HashMemory&) = delete;

  /// The kept memory, enlarged if it is less than `bytes`. Its content is undefined.
  ///
  /// Returns   Memory aligned for anything, valid until the next call; null if there is none.
  [[nodiscard]] std::byte* take(std::size_t bytes) noexcept;

  /// Gives all of it back to the system.
  void release() noexcept;

  [[nodiscard]] bool empty() const noexcept { return bytes_ == 0; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  void* mapping_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace auth
