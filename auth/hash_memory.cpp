#include "auth/hash_memory.h"

#include <sys/mman.h>

namespace auth {

std::byte* HashMemory::take(std::size_t bytes) noexcept {
  if (bytes > bytes_) {
    release();
    constexpr std::size_t huge_page_bytes = std::size_t{2} << 20U;
    const std::size_t rounded = (bytes + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
    void* const made =
        ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED) return nullptr;
    // Where the system has no huge pages, or a dump of everything is wanted, it works as well.
    static_cast<void>(::madvise(made, rounded, MADV_HUGEPAGE));
    static_cast<void>(::madvise(made, rounded, MADV_DONTDUMP));
    mapping_ = made;
    bytes_ = rounded;
  }
  return static_cast<std::byte*>(mapping_);
}

void HashMemory::release() noexcept {
  if (bytes_ != 0) ::munmap(mapping_, bytes_);
  mapping_ = nullptr;
  bytes_ = 0;
}

}  // namespace auth
