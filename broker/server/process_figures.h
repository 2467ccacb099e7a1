// broker/server/process_figures.h
#pragma once

#include <cstdint>

namespace server {

/// Resident memory of this process; 0 if the kernel does not tell.
[[nodiscard]] std::uint64_t resident_bytes() noexcept;

/// Files that this process has open; 0 if the kernel does not tell.
///
/// Cost      A system call since Linux 6.2; before that a walk over all of them.
[[nodiscard]] std::uint64_t open_files() noexcept;

}  // namespace server
