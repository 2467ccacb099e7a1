#include "broker/core/siphash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace broker {
namespace {

struct Lanes {
  std::uint64_t a, b, c, d;

  void round() noexcept {
    a += b;
    c += d;
    b = std::rotl(b, 13) ^ a;
    d = std::rotl(d, 16) ^ c;
    a = std::rotl(a, 32);
    c += b;
    a += d;
    b = std::rotl(b, 17) ^ c;
    d = std::rotl(d, 21) ^ a;
    c = std::rotl(c, 32);
  }
  void absorb(std::uint64_t word) noexcept {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

std::uint64_t little_endian(const char* bytes, std::size_t count) noexcept {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return word;
}

}  // namespace

std::uint64_t siphash(const std::uint64_t (&key)[2], std::string_view text) noexcept {
  Lanes lanes{key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
              key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
  const std::size_t whole = text.size() / 8 * 8;
  for (std::size_t i = 0; i < whole; i += 8) lanes.absorb(little_endian(text.data() + i, 8));
  const std::uint64_t rest = little_endian(text.data() + whole, text.size() - whole);
  lanes.absorb(rest | std::uint64_t{text.size()} << 56U);
  lanes.c ^= 0xFF;
  for (int i = 0; i < 4; ++i) lanes.round();
  return lanes.a ^ lanes.b ^ lanes.c ^ lanes.d;
}

}  // namespace broker
