#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "auth/hash_memory.h"

namespace auth {

struct Argon2idCost {
  std::uint32_t memory_kib = 0;
  std::uint32_t passes = 0;
  std::uint32_t lanes = 0;  ///< computed one after the other
};

/// Fills `tag` with argon2id, version 19, of a password. `memory` is wiped when it is done.
///
/// Requires  A cost, and sizes of salt and tag, that RFC 9106, section 3.1, allows.
/// Returns   Whether there was memory for it.
/// Threads   Any, each with a memory of its own.
/// Source    RFC 9106.
[[nodiscard]] bool argon2id(std::string_view password, std::span<const unsigned char> salt,
                            const Argon2idCost& cost, HashMemory& memory,
                            std::span<unsigned char> tag);

}  // namespace auth
