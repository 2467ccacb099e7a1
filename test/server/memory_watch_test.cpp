#include "broker/server/memory_watch.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <malloc.h>
#include <memory>
#include <unistd.h>
#include <vector>

#include "test/broker/fixture.h"

namespace {

std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  std::size_t size = 0;
  std::size_t resident = 0;
  CHECK(std::fscanf(file, "%zu %zu", &size, &resident) == 2);
  std::fclose(file);
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

namespace {

/// Blocks that the allocator takes from its heap, above each other.
std::vector<std::unique_ptr<std::byte[]>> blocks_of(std::size_t bytes) {
  constexpr std::size_t block_bytes = 1000;
  std::vector<std::unique_ptr<std::byte[]>> blocks(bytes / block_bytes);
  for (auto& block : blocks) {
    block = std::make_unique_for_overwrite<std::byte[]>(block_bytes);
    std::memset(block.get(), 1, block_bytes);
  }
  return blocks;
}

}  // namespace

TEST_CASE("memory that nobody uses any more goes back to the system", "[memory_watch]") {
  constexpr std::size_t bytes = std::size_t{100} << 20U;
  broker::SharedMemory shared;
  test::MemoryLog log;
  server::MemoryWatch watch(0, shared, log);
  broker::Instant now{1'000'000};
  auto first = blocks_of(bytes);
  auto second = blocks_of(bytes);
  // The freed memory lies below the kept one.
  const auto kept = std::make_unique<std::byte[]>(1000);
  const auto frees = [&](auto& blocks) {
    blocks.clear();
    const std::size_t before = resident_bytes();
    // A sanitizer's heap is another, and keeps what it has.
    const bool asked = mallinfo2().fordblks > bytes / 2;
    watch.give_back(now);
    now = broker::after_seconds(now, server::MemoryWatch::return_seconds);
    return !asked || resident_bytes() + bytes / 2 < before;
  };
  CHECK(frees(first));
  // The process has not grown since, but it uses less.
  CHECK(frees(second));
}

TEST_CASE("a page that something small held goes back once that is freed", "[memory_watch]") {
  constexpr std::size_t bytes = std::size_t{120} << 20U;
  broker::SharedMemory shared;
  test::MemoryLog log;
  server::MemoryWatch watch(0, shared, log);
  broker::Instant now{1'000'000};
  const auto look = [&] {
    watch.give_back(now);
    now = broker::after_seconds(now, server::MemoryWatch::return_seconds);
  };
  auto blocks = blocks_of(bytes);
  const auto kept = std::make_unique<std::byte[]>(1000);
  // One block of each page stays.
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i % 4 != 0) blocks[i].reset();
  }
  look();
  const std::size_t before = resident_bytes();
  blocks.clear();
  // A sanitizer's heap is another, and keeps what it has.
  const bool asked = mallinfo2().fordblks > bytes / 2;
  for (int i = 0; i < 8; ++i) look();
  CHECK((!asked || resident_bytes() + bytes / 2 < before));
}
