#pragma once

#include <cstddef>
#include <variant>

namespace bridge {

/// A connection to an address of the other broker is to be opened: remote_opened() or
/// remote_closed() follows.
struct OpenRemote {
  std::size_t address = 0;  // index into Options::addresses
};

/// The connection to the other broker is to be closed when remote_output() is written, or given up
/// while it is being opened; nothing if there is none. No remote_closed() follows.
struct CloseRemote {};

/// A connection to the shard is to be opened: local_opened() follows, or local_closed().
struct OpenLocal {};

/// The connection to the shard is to be lost, so that it publishes the will. No local_closed()
/// follows.
struct CloseLocal {};

/// Whether the first address can be reached again is to be found out: first_reachable() if it can.
struct TryFirst {};

/// Orders of a bridge to its loop.
using Order = std::variant<OpenRemote, CloseRemote, OpenLocal, CloseLocal, TryFirst>;

}  // namespace bridge
