#include "auth/argon2id.h"

#include <argon2.h>
#include <cassert>
#include <cstddef>

namespace auth {
namespace {

// libargon2's allocator gets no context, so the memory to use stands in a variable of the thread.
thread_local HashMemory* memory_here = nullptr;

int allocate(std::uint8_t** memory, std::size_t bytes) {
  assert(memory_here != nullptr);
  *memory = reinterpret_cast<std::uint8_t*>(memory_here->take(bytes));
  return *memory != nullptr ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

void keep(std::uint8_t* /*memory*/, std::size_t /*bytes*/) {}

/// libargon2 takes its input as non-const, but writes to it only if it is told to wipe it.
std::uint8_t* unchanged(std::span<const unsigned char> bytes) {
  return const_cast<std::uint8_t*>(bytes.data());
}

}  // namespace

bool argon2id(std::string_view password, std::span<const unsigned char> salt,
              const Argon2idCost& cost, HashMemory& memory, std::span<unsigned char> tag) {
  assert(memory_here == nullptr);  // one hash at a time on each thread
  assert(salt.size() >= ARGON2_MIN_SALT_LENGTH && tag.size() >= ARGON2_MIN_OUTLEN);
  assert(cost.passes >= 1 && cost.lanes >= 1);
  argon2_context context{};
  context.pwd =
      unchanged({reinterpret_cast<const unsigned char*>(password.data()), password.size()});
  context.pwdlen = static_cast<std::uint32_t>(password.size());
  context.salt = unchanged(salt);
  context.saltlen = static_cast<std::uint32_t>(salt.size());
  context.out = tag.data();
  context.outlen = static_cast<std::uint32_t>(tag.size());
  context.m_cost = cost.memory_kib;
  context.t_cost = cost.passes;
  context.lanes = cost.lanes;
  context.threads = 1;
  context.version = ARGON2_VERSION_13;
  context.allocate_cbk = allocate;
  context.free_cbk = keep;
  memory_here = &memory;
  const int result = ::argon2_ctx(&context, Argon2_id);
  memory_here = nullptr;
  return result == ARGON2_OK;
}

}  // namespace auth
