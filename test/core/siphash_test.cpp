#include "broker/core/siphash.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

namespace {

// The key 00 01 .. 0f of the reference implementation, as two little-endian words.
constexpr std::uint64_t key[2] = {0x0706050403020100, 0x0F0E0D0C0B0A0908};

/// Its message of a length: 00 01 02 ..
std::string message(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i);
  return text;
}

// vectors_sip64 of the reference implementation, by length of the message.
constexpr std::uint64_t vectors[16] = {
    0x726FDB47DD0E0E31, 0x74F839C593DC67FD, 0x0D6C8009D9A94F5A, 0x85676696D7FB7E2D,
    0xCF2794E0277187B7, 0x18765564CD99A68D, 0xCBC9466E58FEE3CE, 0xAB0200F58B01D137,
    0x93F5F5799A932462, 0x9E0082DF0BA9E4B0, 0x7A5DBBC594DDB9F3, 0xF4B32F46226BADA7,
    0x751E8FBC860EE5FB, 0x14EA5627C0843D90, 0xF723CA908E7AF2EE, 0xA129CA6149BE45E5,
};

}  // namespace

TEST_CASE("SipHash-2-4 gives the vectors of its authors", "[siphash]") {
  for (std::size_t size = 0; size < 16; ++size) {
    CAPTURE(size);
    CHECK(broker::siphash(key, message(size)) == vectors[size]);
  }
  CHECK(broker::siphash(key, message(63)) == 0x958A324CEB064572);  // the last one of the table
}

TEST_CASE("another key gives another SipHash", "[siphash]") {
  const std::uint64_t other[2] = {key[0] ^ 1, key[1]};
  CHECK(broker::siphash(key, "client") != broker::siphash(other, "client"));
}
