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
#include "transport/websocket.h"

namespace transport {

class Connections;
class Loop;

/// Input of the connections of one loop: reads sockets, each at most once a turn, takes the bytes
/// through the stages of a connection's way in, and gives MQTT to the shard.
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
  /// Gives the shard the bytes that it had not handled before the connection moved here.
  void take_unread(Connection& connection, mqtt::Bytes bytes);
  /// Gives the shard the bytes of CONNECTs that were read before the last poll began. To be called
  /// once between two polls, not while the loop is blocked.
  void take_line();
  /// Whether take_line() has something to do.
  [[nodiscard]] bool has_line() const noexcept { return !line_.empty() || !due_line_.empty(); }
  /// The shard lets a connection be read again.
  void resume(broker::ConnectionId id);
  /// Reading goes on after other shards had no room.
  void resume_all();
  /// Closes a connection if its first bytes are of another protocol than its listener's. Returns
  /// whether they are.
  [[nodiscard]] bool refuse_wrong_protocol(Connection& connection, mqtt::Bytes bytes);

 private:
  using Bytes = std::span<std::byte>;
  /// MQTT bytes of a connection before its login, at most LoginBytes::free_bytes of them.
  struct InLine {
    broker::ConnectionId id;
    std::vector<std::byte> bytes;
  };

  static void on_alloc(uv_handle_t* handle, std::size_t suggested, uv_buf_t* buffer);
  static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);
  [[nodiscard]] bool may_read(const Connection& connection) const;
  void pause(Connection& connection);
  void read(Connection& connection, Bytes bytes);
  [[nodiscard]] Bytes read_websocket(Connection& connection, Bytes bytes);
  void send_pongs(Connection& connection, const WebSocketInput& input);
  void end_websocket(Connection& connection);
  /// Ends the stages that its client has ended, the inner one first.
  void end_stages(Connection& connection);
  void read_mqtt(Connection& connection, Bytes bytes);
  void pass(Connection& connection, mqtt::Bytes bytes);
  void pass_before_login(Connection& connection, mqtt::Bytes bytes);
  /// The shard has had bytes of a client that is not logged in.
  void passed_before_login(Connection& connection);

  Loop& loop_;
  Connections& connections_;
  std::unique_ptr<std::byte[]> buffer_;       // every read of the loop; used up before the next one
  std::vector<broker::ConnectionId> paused_;  // not read since other shards had no room
  std::vector<InLine> line_;                  // read since the last poll began
  std::vector<InLine> due_line_;              // read before that
};

}  // namespace transport
