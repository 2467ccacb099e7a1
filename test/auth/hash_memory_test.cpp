#include "auth/hash_memory.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>

#include "auth/argon2id.h"

namespace {

using auth::HashMemory;

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

TEST_CASE("memory for hashes is kept, and grows when it has to", "[hash_memory]") {
  HashMemory memory;
  CHECK(memory.empty());
  std::byte* const first = memory.take(mebibyte);
  REQUIRE(first != nullptr);
  CHECK_FALSE(memory.empty());
  std::memset(first, 1, mebibyte);
  CHECK(memory.take(mebibyte) == first);
  CHECK(memory.take(1) == first);
  std::byte* const more = memory.take(19 * mebibyte);
  REQUIRE(more != nullptr);
  std::memset(more, 1, 19 * mebibyte);
  memory.release();
  CHECK(memory.empty());
  CHECK(memory.take(mebibyte) != nullptr);
}

TEST_CASE("memory that nobody has is refused, and what was there is given back", "[hash_memory]") {
  HashMemory memory;
  REQUIRE(memory.take(mebibyte) != nullptr);
  CHECK(memory.take(std::numeric_limits<std::size_t>::max() / 4) == nullptr);
  CHECK(memory.empty());
  CHECK(memory.take(mebibyte) != nullptr);
}

TEST_CASE("argon2id leaves nothing of a password in its memory", "[hash_memory]") {
  HashMemory memory;
  const auth::Argon2idCost cost{.memory_kib = 256, .passes = 1, .lanes = 1};
  const unsigned char salt[16] = {1};
  unsigned char tag[32] = {};
  std::byte* const before = memory.take(256 * 1024);
  REQUIRE(auth::argon2id("secret", salt, cost, memory, tag));
  CHECK(memory.take(256 * 1024) == before);
  const std::span<const std::byte> used(before, 256 * 1024);
  CHECK(std::count(used.begin(), used.end(), std::byte{0}) == 256 * 1024);
}

}  // namespace
