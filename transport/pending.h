// transport/pending.h
#pragma once

#include <cstddef>
#include <uv.h>
#include <vector>

#include "broker/core/outbox.h"

namespace transport {

/// Lists where the bytes of an Output stand, from byte `skip` on, for one gathering write.
void gather(const broker::Output& output, std::size_t skip, std::vector<uv_buf_t>& into);

/// Adds `more` behind `output`; takes its memory if that saves a copy, copies borrowed bytes.
void append(broker::Output& output, broker::Output& more);

/// Output that a socket has not taken: exists only while there is some.
///
/// Shape      `writing` is with libuv; later output gathers in `next`, and leaves as one write when
///            `writing` is done.
/// Invariant  A client that does not read cannot make it grow without bound: the shard bounds its
///            output, TLS its replies, and only the last Pong is kept.
/// Lifetime   From the write that fell short until all is written or the handle is closed.
struct Pending {
  uv_write_t request{};
  broker::Output writing;
  broker::Output next;
  mqtt::ByteBuffer pong;              // goes behind `next`; a later one replaces it
  bool pinged = false;                // a Ping of ours is in the pending output
  std::size_t tls_replies_bytes = 0;  // replies of TLS itself that were added meanwhile
};

}  // namespace transport
