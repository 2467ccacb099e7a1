#pragma once

#include <cstddef>
#include <cstdint>
#include <uv.h>
#include <vector>

#include "broker/core/outbox.h"
#include "broker/wire/bytes.h"
#include "transport/connection.h"

namespace transport {

/// Writes to the sockets of one loop, through WebSocket frames and TLS.
///
/// Shape      Packets -> frames of a WebSocket -> records of TLS -> the socket, as far as it takes
///            them. The rest becomes the connection's Pending, which libuv writes; written() has to
///            be called from its callback.
/// Invariant  Bytes leave in the order of the calls. A connection has a Pending only while its
///            socket is full.
/// Errors     Functions return false if the socket is broken or TLS seals no more: the connection
///            is lost.
/// Threads    Its loop's only.
class Writer {
 public:
  /// `on_written`: libuv calls it with the request of a Pending; its data is the Connection.
  explicit Writer(uv_write_cb on_written) noexcept : on_written_(on_written) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Writes the output of a turn: whole packets.
  [[nodiscard]] bool write(Connection& connection, broker::Output& output);
  /// Writes bytes of the transport's own: responses and frames. TLS seals them.
  [[nodiscard]] bool send(Connection& connection, mqtt::Bytes bytes);
  /// Writes bytes that TLS has made itself.
  [[nodiscard]] bool write_sealed(Connection& connection, mqtt::Bytes bytes);
  /// Ends TLS: nothing follows. Whether the socket takes that makes no difference any more.
  void end_tls(Connection& connection);

  enum class Progress : std::uint8_t { pending, drained, lost };
  /// libuv has written the pending output. Output that gathered meanwhile leaves next.
  [[nodiscard]] Progress written(Connection& connection, int status);

  /// The bytes that the socket of a connection has not taken.
  [[nodiscard]] static std::size_t queued_bytes(const Connection& connection) noexcept;

 private:
  [[nodiscard]] bool write_stream(Connection& connection, broker::Output& output);
  [[nodiscard]] bool seal(Connection& connection, const broker::Output& output);
  [[nodiscard]] bool try_write(Connection& connection, std::size_t& written);
  [[nodiscard]] bool write_pending(Connection& connection, std::size_t skip);

  uv_write_cb on_written_;
  std::vector<uv_buf_t> vectors_;           // of the write under way
  std::vector<std::size_t> packet_begins_;  // where each of its packets is to be framed
  mqtt::ByteBuffer sealed_;                 // its records of TLS; empty between two of them
};

}  // namespace transport
