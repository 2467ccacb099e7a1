// broker/next.h
#pragma once

#include <cstdint>

namespace broker {

/// How it goes on with a connection after a packet of it.
///
/// Invariant  After `stop` the connection must not be used: it has ended.
enum class Next : std::uint8_t {
  go_on,
  stop,  ///< the connection is gone, or has nothing more to say
  wait,  ///< enough was handled for now: see PublishMeter and PacketWork
};

}  // namespace broker
