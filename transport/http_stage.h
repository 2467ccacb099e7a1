// transport/http_stage.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

#include "broker/core/ids.h"
#include "transport/connection.h"
#include "transport/deadlines.h"
#include "transport/http.h"
#include "transport/http_handler.h"

namespace transport {

class Connections;
class Loop;

/// The stage of HTTP, for all connections of one loop: a request opens a WebSocket, or handlers
/// answer it.
///
/// Shape      read() -> a WebSocket is open, and MQTT follows
///                   -> refused
///                   -> HttpExchange: body -> HttpRoutes::answer() -> answer(), now or later ->
///                      send_more() as often as the socket has room, until the connection closes.
/// Invariant  HttpLimits hold for the exchanges of all handlers together. Pieces of an answer leave
///            a part a turn, so that the other connections of the loop are not late.
/// Lifetime   A part of Connections, which outlives it.
/// Threads    Its loop's only. Handlers reach it from others through HttpReply.
class HttpStage {
 public:
  HttpStage(Loop& loop, Connections& connections) : loop_(loop), connections_(connections) {}
  HttpStage(const HttpStage&) = delete;
  HttpStage& operator=(const HttpStage&) = delete;

  /// Takes the bytes of a request. Returns those behind it, which belong to MQTT, if it opened a
  /// WebSocket; all of them if the connection is not in this stage.
  [[nodiscard]] std::span<std::byte> read(Connection& connection, std::span<std::byte> bytes);

  // Calls of a handler. Each does nothing if the connection is gone.

  void answer(broker::ConnectionId id, HttpResponse response);
  void refuse(broker::ConnectionId id, const HttpRefusal& refusal);
  void go_on(broker::ConnectionId id);

  /// Sends the next part of an answer that is_sending(); closes the connection at its end.
  ///
  /// Requires  A socket that has taken everything before.
  void send_more(Connection& connection);
  /// Whether an answer has not ended.
  [[nodiscard]] static bool is_sending(const Connection& connection) noexcept;

  /// Finds the handlers that took too long. To be called every 100 ms or so.
  void tick();

 private:
  /// Of one answer, before other answers have their turn.
  static constexpr std::size_t visit_bytes_max = std::size_t{256} << 10U;

  [[nodiscard]] bool answer_request(Connection& connection);
  [[nodiscard]] bool open_websocket(Connection& connection);
  void begin(Connection& connection);
  void read_body(Connection& connection, std::span<std::byte> bytes);
  void ask(Connection& connection);
  void respond(Connection& connection, HttpResponse response);
  void refuse(Connection& connection, const HttpRefusal& refusal);
  void wait(Connection& connection);
  void queue(broker::ConnectionId id);
  void take_turn();
  void expire(broker::ConnectionId id);
  [[nodiscard]] std::size_t bytes_left_in_turn() noexcept;
  [[nodiscard]] const HttpLimits& limits() const noexcept;

  Loop& loop_;
  Connections& connections_;
  std::size_t open_ = 0;                    // exchanges
  Deadlines answers_;                       // of handlers
  std::deque<broker::ConnectionId> queue_;  // with answers that go on in the next turn
  std::uint32_t turn_ = 0;                  // the last turn in which pieces were sent
  std::size_t turn_bytes_ = 0;              // in that turn
};

}  // namespace transport
