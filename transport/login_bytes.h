// transport/login_bytes.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/core/ids.h"
#include "transport/address_table.h"

namespace transport {

/// The bytes that one connection keeps before its login is answered, counted for its address.
///
/// Shape      The first `free_bytes` of a connection are not counted: a CONNECT is seldom larger,
///            and they are bounded by the number of connections.
/// Lifetime   The end of its life gives the bytes back. The table outlives it.
/// Threads    Any, one at a time: it moves along with its connection.
class LoginBytes {
 public:
  static constexpr std::size_t free_bytes = 4096;

  LoginBytes(AddressTable& table, const AddressKey& key) noexcept : table_(table), key_(key) {}
  ~LoginBytes() { table_.release(key_, counted_); }
  LoginBytes(const LoginBytes&) = delete;
  LoginBytes& operator=(const LoginBytes&) = delete;

  /// The connection keeps `bytes` now, all in all. Returns false if its address keeps `bytes_max`
  /// already and this asks for more; then the count stays.
  [[nodiscard]] bool grow_to(std::size_t bytes, std::uint64_t bytes_max, broker::Instant now) {
    if (bytes <= free_bytes + counted_) return true;
    const std::size_t more = bytes - free_bytes - counted_;
    if (!table_.keep(key_, more, bytes_max, now)) return false;
    counted_ += more;
    return true;
  }

 private:
  AddressTable& table_;
  AddressKey key_;
  std::size_t counted_ = 0;
};

}  // namespace transport
