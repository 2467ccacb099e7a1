// transport/connections.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <uv.h>
#include <vector>

#include "broker/core/outbox.h"
#include "broker/shard.h"
#include "transport/arrivals.h"
#include "transport/closing.h"
#include "transport/connection.h"
#include "transport/connection_log.h"
#include "transport/connection_table.h"
#include "transport/deadlines.h"
#include "transport/handoff.h"
#include "transport/http_stage.h"
#include "transport/inner_clients.h"
#include "transport/listener.h"
#include "transport/loop_tracer.h"
#include "transport/mqtt_stage.h"
#include "transport/reader.h"
#include "transport/tls_stage.h"
#include "transport/websocket_stage.h"
#include "transport/writer.h"

namespace transport {

class Loop;

/// The sockets of one loop: bytes from them to the shard, output of the shard to them.
///
/// Shape      accept() -> the states of State, in their order. A connection that moves home leaves
///            through hand_off() and enters through adopt().
/// Invariant  The shard knows exactly the connections that are open, see is_open().
/// Threads    Its loop's only.
class Connections {
 public:
  explicit Connections(Loop& loop);
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  /// A client came in: counted, logged, and either opened or sent away.
  void accept(Descriptor socket, const std::shared_ptr<Listener>& listener,
              const PeerAddress& address);
  /// A connection comes home.
  void adopt(Handoff handoff);

  // Requests of the shard.

  /// Gives a connection away as a value; nothing if it is gone meanwhile.
  [[nodiscard]] std::unique_ptr<Handoff> hand_off(broker::HandoffRequest request);
  /// Writes the output of a turn, at once as far as the socket takes it.
  void write(broker::ConnectionId id, broker::Output& output);
  void close(const broker::CloseRequest& request);
  /// Tells the shard which sockets did not take all that was written in this turn.
  void report();

  /// Time-outs and pings; to be called every 100 ms or so.
  void tick();
  /// Shifts the deadlines of connections still in a handshake by `seconds` (may be negative).
  void move_handshakes(std::int64_t seconds);
  /// Drops connections that the shard does not know.
  void drop_strangers();
  /// Closes all sockets at once, without DISCONNECT; for the end of the loop.
  void drop_all();

  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

  // For its stages, about one of its connections.

  [[nodiscard]] Arrivals& arrivals() noexcept { return arrivals_; }
  [[nodiscard]] Reader& reader() noexcept { return reader_; }
  [[nodiscard]] TlsStage& tls() noexcept { return tls_; }
  [[nodiscard]] HttpStage& http() noexcept { return http_; }
  [[nodiscard]] LoopTracer& tracer() noexcept { return tracer_; }
  [[nodiscard]] WebSocketStage& websockets() noexcept { return websockets_; }
  [[nodiscard]] MqttStage& packets() noexcept { return packets_; }
  [[nodiscard]] ConnectionLog& lines() noexcept { return lines_; }
  [[nodiscard]] Writer& writer() noexcept { return writer_; }
  [[nodiscard]] InnerClients& inner() noexcept { return inner_; }
  [[nodiscard]] static Connections& of(const uv_handle_t* handle) noexcept;
  [[nodiscard]] static Connection& connection_of(const uv_handle_t* handle) noexcept;
  /// The connection of that name; null if it is gone.
  [[nodiscard]] Connection* find(broker::ConnectionId id) noexcept { return table_.find(id); }
  [[nodiscard]] ConnectionTable& table() noexcept { return table_; }
  /// Changes the state of a connection that is not closed.
  void change(Connection& connection, State state);
  /// Tells the shard that a connection is there. `moved`: it comes from another
  /// loop, and the shard there has counted it.
  void introduce(Connection& connection, mqtt::Reason refusal = mqtt::Reason::success,
                 bool moved = false);
  /// Writes bytes of the transport's own: responses and frames. The connection may be lost by that.
  void send(Connection& connection, std::string_view text);
  /// Ends a connection that is closing once its output is written; does nothing to others.
  void finish(Connection& connection);
  /// Closes the socket.
  void destroy(Connection& connection);
  /// The connection is gone, whatever its shard wanted.
  void lose(Connection& connection, broker::CloseCause cause);
  /// Tells the shard, if it knows the connection, that it has ended.
  void forget(Connection& connection, broker::CloseCause cause);
  /// A line that a client can cause; see ConnectionLog.
  void note(const Connection& connection, broker::Event event, std::string_view before,
            std::string_view after,
            const std::source_location& place = std::source_location::current());

 private:
  // Opening.
  [[nodiscard]] Connection* start(Descriptor socket, const std::shared_ptr<Listener>& listener,
                                  const PeerAddress& address);
  [[nodiscard]] bool begin(Connection& connection);

  // Writing.
  void write_inner(const Connection& connection, broker::Output& output);
  static void on_written(uv_write_t* request, int status);
  void drained(Connection& connection);

  // Closing.
  void expire(broker::ConnectionId id);

  Loop& loop_;
  LoopTracer tracer_;
  Arrivals arrivals_;
  Reader reader_;
  TlsStage tls_;
  HttpStage http_;  // counts the exchanges of the table's connections
  WebSocketStage websockets_;
  MqttStage packets_;
  ConnectionTable table_;
  InnerClients inner_;  // of the table's connections
  Writer writer_;
  struct Report {
    broker::ConnectionId connection;
    std::size_t queued_bytes;
  };
  std::vector<Report> reports_;
  std::vector<broker::ConnectionId> lost_;  // found broken while the outbox was drained
  Deadlines handshakes_;
  Closing closing_;
  ConnectionLog lines_;
};

}  // namespace transport
