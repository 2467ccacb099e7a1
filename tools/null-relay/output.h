#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/uio.h>
#include <vector>

#include "broker/wire/bytes.h"

namespace relay {

/// The output of one socket in this turn, as a list of places.
///
/// Invariant  Adjacent bytes are one place.
/// Lifetime   Points to bytes of others until flush(), which copies those that the socket refuses.
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

  /// Writes as much as the socket takes, the backlog first.
  [[nodiscard]] State flush(int socket);

 private:
  [[nodiscard]] State flush_backlog(int socket);
  [[nodiscard]] State flush_places(int socket);
  void drop_sent(std::size_t bytes);
  void keep_rest();

  std::vector<iovec> places_;
  std::size_t first_ = 0;     // of places_, the first that is not sent
  mqtt::ByteBuffer backlog_;  // bytes that the socket refused in earlier turns
};

}  // namespace relay
