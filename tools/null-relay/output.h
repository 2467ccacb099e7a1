#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/uio.h>
#include <vector>

#include "broker/wire/bytes.h"

namespace relay {

/// What one socket is to be sent in this turn, as a list of places.
///
/// Invariant  What lies side by side is one place.
/// Lifetime   Points to bytes of others until flush(), which copies what the socket did not take.
class Output {
 public:
  enum class State : std::uint8_t { all_sent, socket_full, broken };

  void add(mqtt::Bytes bytes) {
    if (!places_.empty()) {
      iovec& last = places_.back();
      if (static_cast<const std::byte*>(last.iov_base) + last.iov_len == bytes.data()) {
        last.iov_len += bytes.size();
        return;
      }
    }
    places_.push_back({const_cast<std::byte*>(bytes.data()), bytes.size()});
  }

  /// Writes as much as the socket takes, what it left before first.
  [[nodiscard]] State flush(int socket);

 private:
  [[nodiscard]] State flush_backlog(int socket);
  [[nodiscard]] State flush_places(int socket);
  void drop_sent(std::size_t bytes);
  void keep_rest();

  std::vector<iovec> places_;
  std::size_t first_ = 0;     // of places_, the first that is not sent
  mqtt::ByteBuffer backlog_;  // what the socket did not take in earlier turns
};

}  // namespace relay
