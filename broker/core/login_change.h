// broker/core/login_change.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace broker {

/// The changes that a reload made for the clients of one listener.
///
/// Shape      Both lists are sorted.
struct LoginChange {
  std::uint16_t listener = 0;
  std::vector<std::string> users_gone;     // they may not come in again
  std::vector<std::string> users_changed;  // they have another password
  bool anonymous_refused = false;          // clients without a user name have to go
  bool unchecked_refused = false;          // users that were believed have to go
  bool access_changed = false;             // everybody's permissions are to be asked for again

  /// Whether no client has to go, and no permissions differ.
  [[nodiscard]] bool empty() const noexcept {
    return users_gone.empty() && users_changed.empty() && !anonymous_refused &&
           !unchecked_refused && !access_changed;
  }
};

/// One walk over the sessions of a shard, to apply LoginChanges.
struct LoginSweep {
  std::size_t next = 0;       // place in the session table
  std::uint64_t dropped = 0;  // clients that were sent away
};

}  // namespace broker
