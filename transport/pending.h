// transport/pending.h
#pragma once

#include <cstddef>
#include <uv.h>
#include <vector>

#include "broker/core/outbox.h"

namespace transport {

/// Lists where the bytes of an Output stand, from byte `skip` on, for one gathering write.
void gather(const broker::Output& output, std::size_t skip, std::vector<uv_buf_t>& into);

/// Adds `more` behind `output`; takes its memory where that saves a copy, copies what is borrowed.
void append(broker::Output& output, broker::Output& more);

/// Output that a socket has not taken: exists only while there is some.
///
/// Shape      `writing` is with libuv; what comes meanwhile gathers in `next`, and leaves as one
///            write when `writing` is done.
/// Invariant  A client that does not read cannot make it grow without bound: the shard bounds
///            what it says, TLS what it answers, and of Pongs only the last one is kept.
/// Lifetime   From the write that fell short until all is written or the handle is closed.
struct Pending {
  uv_write_t request{};
  broker::Output writing;
  broker::Output next;
  mqtt::ByteBuffer pong;              // goes behind `next`; a later one replaces it
  bool pinged = false;                // a Ping of ours is among what waits
  std::size_t tls_replies_bytes = 0;  // what TLS itself had to say meanwhile
};

}  // namespace transport
