// broker/core/siphash.h
#pragma once

#include <cstdint>
#include <string_view>

namespace broker {

/// SipHash-2-4 of `text` under a 128-bit key: nobody without the key can aim at one value.
///
/// Source    Aumasson and Bernstein, "SipHash: a fast short-input PRF".
[[nodiscard]] std::uint64_t siphash(const std::uint64_t (&key)[2], std::string_view text) noexcept;

}  // namespace broker
