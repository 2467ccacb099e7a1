// broker/input.h
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "broker/client_log.h"
#include "broker/core/connection.h"
#include "broker/core/connection_table.h"
#include "broker/core/outbox.h"
#include "broker/disconnects.h"
#include "broker/forwards.h"
#include "broker/next.h"
#include "broker/pressure.h"
#include "broker/reading.h"
#include "broker/turn.h"
#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"

namespace broker {

/// The bytes of clients, cut into packets, and the bytes that have to wait.
///
/// Shape      receive() -> `handle(Connection&, const Frame&, Bytes unread)` for each whole packet;
///                         `unread` begins with it
///                      -> the connection's tail: an incomplete packet, or all that waits
///            A tail waits for bytes, for the verdict on a login, for a packet that takes several
///            turns, for the publish rate, or for room in the outbox: go_on(), resume() and
///            handle_tail() handle it then. Packets that Pressure has put aside come back one by
///            one, by handle_parked().
/// Invariant  The packets of a connection are handled in the order in which they came. They are
///            used in place, where they were received; only bytes that wait are copied.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Input final {
 public:
  Input(ConnectionTable& connections, Outbox& outbox, Pressure& pressure, Forwards& forwards,
        Reading& reading, Disconnects& disconnects, ClientLog& log, const Turn& turn)
      : connections_(connections),
        outbox_(outbox),
        pressure_(pressure),
        forwards_(forwards),
        reading_(reading),
        disconnects_(disconnects),
        log_(log),
        turn_(turn) {}

  /// Returns   Whether the connection should be read further; see Shard::received().
  template <typename Handle>
  bool receive(Connection& connection, mqtt::Bytes bytes, Handle&& handle);
  /// Whether packets wait for room in the outbox.
  [[nodiscard]] bool has_unfinished() const noexcept { return !unfinished_.empty(); }
  /// The outbox was drained: handles the packets that waited for that.
  template <typename Handle>
  void go_on(Handle&& handle);
  /// Handles the whole packets of the tail; the rest of it stays.
  template <typename Handle>
  Next handle_tail(Connection& connection, Handle&& handle);
  /// The same after a wait of the connection is over; then it is read again, if it may be.
  template <typename Handle>
  void resume(Connection& connection, Handle&& handle);
  /// Handles packets that were put aside, if the pressure is over: `handle(Connection&, const
  /// Frame&)` for each.
  template <typename Handle>
  void handle_parked(Handle&& handle);

 private:
  /// Completes the packet at the end of the last read from the front of `bytes`, and handles it if
  /// that makes it whole.
  template <typename Handle>
  Next complete_tail(Connection& connection, mqtt::Bytes& bytes, Handle& handle);
  /// Handles whole packets at the front of `input`; returns how many bytes that was.
  template <typename Handle>
  std::size_t process(Connection& connection, mqtt::Bytes input, Next& next, Handle& handle);
  template <typename Handle>
  void handle_parked(Connection& connection, Handle& handle);
  /// Counts so many bytes that came from a client that is not let in yet. Returns whether more may
  /// be read of it.
  bool keep_before_login(Connection& connection, std::size_t bytes);

  ConnectionTable& connections_;
  Outbox& outbox_;
  Pressure& pressure_;
  Forwards& forwards_;
  Reading& reading_;
  Disconnects& disconnects_;
  ClientLog& log_;
  const Turn& turn_;
  std::vector<ConnectionId> unfinished_;  // with whole packets in their tails: the outbox was full
};

template <typename Handle>
bool Input::receive(Connection& connection, mqtt::Bytes bytes, Handle&& handle) {
  if (connection.queued_bytes == 0) connection.unread_reply_bytes = 0;
  if (Reading::input_waits(connection)) connection.reading_paused = true;
  if (connection.stage == Connection::Stage::awaiting_verdict || Reading::input_waits(connection)) {
    connection.tail.append(bytes);
    return false;
  }
  if (connection.stage == Connection::Stage::connected && !connection.tail.empty() &&
      complete_tail(connection, bytes, handle) == Next::stop) {
    return true;
  }
  Next next = Next::go_on;
  if (Reading::input_waits(connection)) {
    connection.tail.append(bytes);
  } else if (connection.tail.empty()) {
    // Used in place; only an incomplete packet at the end is copied.
    const std::size_t used = process(connection, bytes, next, handle);
    if (next == Next::stop) return true;
    connection.tail.append(bytes.subspan(used));
  } else {
    // A CONNECT in pieces: all that came with it moves along if its home is elsewhere.
    connection.tail.append(bytes);
    if (handle_tail(connection, handle) == Next::stop) return true;
  }
  connection.reading_paused = !reading_.may_read(connection);
  if (connection.stage != Connection::Stage::connected) {
    return keep_before_login(connection, bytes.size());
  }
  return !connection.reading_paused;
}

template <typename Handle>
void Input::go_on(Handle&& handle) {
  for (const ConnectionId id : std::exchange(unfinished_, {})) {
    Connection* const connection = connections_.find(id);
    if (connection == nullptr || connection->stage == Connection::Stage::awaiting_verdict) continue;
    if (Reading::input_waits(*connection)) continue;
    static_cast<void>(handle_tail(*connection, handle));
  }
}

template <typename Handle>
void Input::resume(Connection& connection, Handle&& handle) {
  const ConnectionId id = connection.id;
  if (!connection.tail.empty() && handle_tail(connection, handle) == Next::stop) return;
  if (Connection* const still = connections_.find(id)) reading_.resume(*still, turn_.now());
}

template <typename Handle>
Next Input::complete_tail(Connection& connection, mqtt::Bytes& bytes, Handle& handle) {
  mqtt::ByteBuffer& tail = connection.tail;
  while (!bytes.empty()) {
    const std::size_t missing = std::min(mqtt::bytes_missing(tail.view()), bytes.size());
    if (missing == 0) break;
    tail.append(bytes.first(missing));
    bytes = bytes.subspan(missing);
  }
  return handle_tail(connection, handle);
}

template <typename Handle>
Next Input::handle_tail(Connection& connection, Handle&& handle) {
  // Taken out: the connection may end, and the packets may be written from where they stand.
  mqtt::ByteBuffer tail = std::move(connection.tail);
  Next next = Next::go_on;
  const std::size_t used = process(connection, tail.view(), next, handle);
  if (next == Next::go_on && used == 0) {
    connection.tail = std::move(tail);
    return next;
  }
  if (next == Next::go_on) connection.tail.append(tail.view().subspan(used));
  if (outbox_.borrows()) outbox_.hold(std::move(tail));
  return next;
}

template <typename Handle>
std::size_t Input::process(Connection& connection, mqtt::Bytes input, Next& next, Handle& handle) {
  std::size_t used = 0;
  while (used < input.size()) {
    if (outbox_.full()) {
      unfinished_.push_back(connection.id);
      return used;
    }
    const mqtt::Bytes unread = input.subspan(used);
    const auto frame =
        mqtt::next_frame(unread, connection.promises.maximum_packet_size_bytes, connection.version);
    if (!frame) {
      const bool too_large = frame.error().reason == mqtt::Reason::packet_too_large;
      next = too_large ? disconnects_.fail_too_large(connection, mqtt::promised_size(unread))
                       : disconnects_.fail(connection, frame.error());
      return used;
    }
    if (!*frame) return used;
    next = handle(connection, **frame, unread);
    if (next != Next::go_on) {
      if (next == Next::stop) return used;
      next = Next::go_on;
      return used + (*frame)->size_bytes;
    }
    // A CONNECT that waits for its verdict is read again then.
    if (connection.stage == Connection::Stage::awaiting_verdict) return used;
    used += (*frame)->size_bytes;
  }
  return used;
}

template <typename Handle>
void Input::handle_parked(Handle&& handle) {
  if (!pressure_.is_over() || outbox_.full()) return;
  forwards_.begin_client_input();
  for (const ConnectionId id : pressure_.take_parked()) {
    Connection* const connection = connections_.find(id);
    if (connection == nullptr || !connection->parked) continue;
    if (connection->work) {
      pressure_.remember(id);
    } else {
      handle_parked(*connection, handle);
    }
  }
}

/// Those that still have to wait are put aside again.
template <typename Handle>
void Input::handle_parked(Connection& connection, Handle& handle) {
  const ConnectionId id = connection.id;
  const std::unique_ptr<mqtt::ByteBuffer> packets = pressure_.unpark(connection);
  assert(packets);
  mqtt::Bytes rest = packets->view();
  while (!rest.empty()) {
    const auto frame =
        mqtt::next_frame(rest, connection.promises.maximum_packet_size_bytes, connection.version);
    assert(frame && *frame);  // whole packets were put aside
    rest = rest.subspan((*frame)->size_bytes);
    if (outbox_.full() || connection.work != nullptr) {
      pressure_.park(connection, **frame);
    } else if (handle(connection, **frame) == Next::stop) {
      break;
    }
  }
  if (outbox_.borrows()) outbox_.hold(std::move(*packets));
  if (Connection* const still = connections_.find(id)) reading_.resume(*still, turn_.now());
}

}  // namespace broker
