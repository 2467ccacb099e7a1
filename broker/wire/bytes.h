// broker/wire/bytes.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace mqtt {

/// Bytes that somebody else keeps alive.
using Bytes = std::span<const std::byte>;

inline std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// A growing run of bytes: encoders append to it and sockets are written from it.
///
/// Shape      [ data .. data+size ) is written; up to capacity is allocated and uninitialised,
///            which is why this is not a std::vector: growing must not clear bytes that are to be
///            overwritten.
/// Lifetime   Owns its memory; moves are cheap; an empty one owns nothing.
/// Errors     Running out of memory ends the process.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  ~ByteBuffer() { std::free(data_); }
  ByteBuffer(const ByteBuffer&) = delete;
  ByteBuffer& operator=(const ByteBuffer&) = delete;
  ByteBuffer(ByteBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }

  /// Makes room for `count` more bytes and returns where they go; the caller writes all of them.
  std::byte* extend(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    std::byte* const place = data_ + size_;
    size_ += count;
    return place;
  }
  void append(Bytes bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void append(std::string_view text) { append(as_bytes(text)); }
  void push_back(std::uint8_t value) { *extend(1) = static_cast<std::byte>(value); }

  /// Drops the first `count` bytes.
  void consume(std::size_t count) {
    assert(count <= size_);
    if (count > 0) std::memmove(data_, data_ + count, size_ - count);
    size_ -= count;
  }
  /// Drops all but the first `size` bytes.
  void truncate(std::size_t size) noexcept {
    assert(size <= size_);
    size_ = size;
  }
  /// Forgets the bytes, keeps the memory.
  void clear() noexcept { size_ = 0; }
  /// Gives the memory back.
  void reset() noexcept {
    std::free(data_);
    data_ = nullptr;
    size_ = capacity_ = 0;
  }

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] Bytes view() const noexcept { return {data_, size_}; }

 private:
  void grow(std::size_t count) {
    std::size_t wanted = capacity_ == 0 ? 64 : capacity_ * 2;
    if (wanted < size_ + count) wanted = size_ + count;
    auto* const moved = static_cast<std::byte*>(std::realloc(data_, wanted));
    if (moved == nullptr) throw std::bad_alloc();
    data_ = moved;
    capacity_ = wanted;
  }

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace mqtt
