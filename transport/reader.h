// transport/reader.h
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <uv.h>
#include <vector>

#include "broker/core/ids.h"
#include "broker/wire/bytes.h"
#include "transport/connection.h"

namespace transport {

class Connections;
class Loop;

/// Input of the connections of one loop: reads sockets, each at most once a turn, and takes the
/// bytes through the stages of a connection's way in.
///
/// Shape      start() -> (a read, or a pause that resume(), resume_all() or TlsStage::admit() ends)
///            as often as bytes come.
/// Lifetime   A part of Connections, which outlives it.
/// Threads    Its loop's only.
class Reader {
 public:
  /// The bytes of one read, at most.
  static constexpr std::size_t buffer_bytes = std::size_t{128} << 10U;

  Reader(Loop& loop, Connections& connections) : loop_(loop), connections_(connections) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// Has libuv read the socket; an inner client goes on.
  void start(Connection& connection);
  /// The shard lets a connection be read again.
  void resume(broker::ConnectionId id);
  /// Reading goes on after other shards had no room.
  void resume_all();
  /// Ends the stages that the client of a connection has ended, the inner one first, unless bytes
  /// of it still wait to be read. It may have moved to another loop.
  void end_stages(Connection& connection);
  /// Closes a connection if its first bytes are of another protocol than its listener's. Returns
  /// whether they are.
  [[nodiscard]] bool refuse_wrong_protocol(Connection& connection, mqtt::Bytes bytes);

 private:
  using Bytes = std::span<std::byte>;

  static void on_alloc(uv_handle_t* handle, std::size_t suggested, uv_buf_t* buffer);
  static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);
  [[nodiscard]] bool may_read(const Connection& connection) const;
  void pause(Connection& connection);
  void read(Connection& connection, Bytes bytes);

  Loop& loop_;
  Connections& connections_;
  std::unique_ptr<std::byte[]> buffer_;       // every read of the loop; used up before the next one
  std::vector<broker::ConnectionId> paused_;  // not read since other shards had no room
};

}  // namespace transport
