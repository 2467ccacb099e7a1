#pragma once

#include <cstddef>
#include <malloc.h>

namespace bench {

/// Bytes that this process has allocated now.
inline std::size_t heap_bytes() {
  const auto figures = mallinfo2();
  return figures.uordblks + figures.hblkhd;
}

}  // namespace bench
