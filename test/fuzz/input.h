#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/bytes.h"

namespace fuzz {

/// The source of a target's decisions: the bytes that the fuzzer made up.
///
/// Shape      Numbers come from the front. An input that has come to its end gives zeros, so that
///            every input is a complete story.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return rest_.size(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  bool flag() { return (byte() & 1U) != 0; }
  std::uint16_t two() {
    const unsigned high = byte();
    return static_cast<std::uint16_t>(high << 8U | byte());
  }
  std::uint32_t four() {
    const std::uint32_t high = two();
    return high << 16U | two();
  }
  /// 0 .. limit - 1; takes one byte, two where one is not enough.
  std::size_t below(std::size_t limit) { return (limit > 256 ? two() : byte()) % limit; }
  /// One of several.
  template <typename Value, std::size_t count>
  const Value& pick(const Value (&values)[count]) {
    return values[below(count)];
  }
  /// The next `count` bytes, or the rest if it is shorter.
  std::string_view take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  std::string_view rest() { return take(rest_.size()); }

 private:
  std::span<const std::uint8_t> rest_;
};

/// A copy on the heap of just this size: reading past either end is an error that ASan sees.
inline std::vector<std::byte> exact_copy(mqtt::Bytes bytes) { return {bytes.begin(), bytes.end()}; }
inline std::vector<std::byte> exact_copy(std::string_view text) {
  return exact_copy(mqtt::as_bytes(text));
}

/// A condition that must hold for every input; the fuzzer keeps an input that breaks it.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace fuzz

/// The function that libFuzzer calls with each input. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
