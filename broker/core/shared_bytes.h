// broker/core/shared_bytes.h
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <utility>

namespace broker {

/// Bytes that several shards read: the only counted thing in darter that crosses threads.
///
/// Shape      One allocation: [count][size][bytes...]. Written once, by its maker, before it is
///            shared; immutable afterwards.
/// Lifetime   Counted: the last SharedBytes to go frees it, on any thread.
/// Threads    Copies may live on any thread; one copy belongs to one thread.
class SharedBytes {
 public:
  SharedBytes() = default;
  /// Makes room for `size` bytes; fill them through writable() before the first copy is made.
  explicit SharedBytes(std::size_t size)
      : block_(static_cast<Block*>(std::malloc(sizeof(Block) + size))) {
    if (block_ == nullptr) throw std::bad_alloc();
    new (block_) Block{{1}, size};
  }
  ~SharedBytes() { release(); }
  SharedBytes(const SharedBytes& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) block_->count.fetch_add(1, std::memory_order_relaxed);
  }
  SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }

  [[nodiscard]] std::byte* writable() noexcept { return reinterpret_cast<std::byte*>(block_ + 1); }
  [[nodiscard]] std::span<const std::byte> view() const noexcept {
    if (block_ == nullptr) return {};
    return {reinterpret_cast<const std::byte*>(block_ + 1), block_->size};
  }
  [[nodiscard]] explicit operator bool() const noexcept { return block_ != nullptr; }

 private:
  struct Block {
    std::atomic<std::uint32_t> count;
    std::size_t size;
  };

  void release() noexcept {
    if (block_ == nullptr) return;
    // Acquire on the last decrement: every reader's loads come before the memory is used again.
    if (block_->count.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(block_);
  }

  Block* block_ = nullptr;
};

}  // namespace broker
