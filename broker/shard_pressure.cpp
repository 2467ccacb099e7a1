#include <algorithm>
#include <cassert>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/shard_state.h"

namespace broker {

void Shard::State::handle_parked() {
  if (!pressure.is_over() || outbox.full()) return;
  forwards.begin_client_input();
  for (const ConnectionId id : pressure.take_parked()) {
    Connection* const connection = connections.find(id);
    if (connection == nullptr || !connection->parked) continue;
    if (connection->work) {
      pressure.remember(id);
    } else {
      handle_parked(*connection);
    }
  }
}

/// Handles the packets put aside, in order; those that still have to wait are put aside again.
void Shard::State::handle_parked(Connection& connection) {
  const ConnectionId id = connection.id;
  const std::unique_ptr<mqtt::ByteBuffer> packets = pressure.unpark(connection);
  assert(packets);
  mqtt::Bytes rest = packets->view();
  while (!rest.empty()) {
    const auto frame =
        mqtt::next_frame(rest, connection.promises.maximum_packet_size_bytes, connection.version);
    assert(frame && *frame);  // whole packets were put aside
    rest = rest.subspan((*frame)->size_bytes);
    const bool waits = outbox.full() || connection.work != nullptr;
    const Next next = waits ? park(connection, **frame) : handle_parked(connection, **frame);
    if (next == Next::stop) break;
  }
  if (outbox.borrows()) outbox.hold(std::move(*packets));
  if (Connection* const still = connections.find(id)) reading.resume(*still, turn.now());
}

/// A PUBLISH was counted when it came.
Next Shard::State::handle_parked(Connection& connection, const mqtt::Frame& frame) {
  return frame.type == mqtt::PacketType::publish ? publishes.retake(connection, frame)
                                                 : handle_connected(connection, frame);
}

bool Shard::State::keep_before_login(Connection& connection, std::size_t bytes) {
  constexpr std::size_t small_connect_bytes = 4096;
  pressure.charge(bytes);
  if (connection.stage == Connection::Stage::awaiting_verdict) return false;
  if (connection.tail.size() <= small_connect_bytes || !pressure.memory_is_short()) return true;
  log.note_rarely(ClientLog::RareLine::login_memory,
                  {"Client connection from ", client_address_text(connection),
                   " closed: memory_limit is near, and its CONNECT is large."});
  disconnects.end(connection, WillFate::discard, CloseHow::policy);
  return true;
}

void Shard::State::end_delay(Connection& connection) {
  const ConnectionId id = connection.id;
  reading.end_delay(connection, turn.now());
  if (connection.work) return;
  if (!connection.tail.empty() && process_tail(connection) == Next::stop) return;
  if (Connection* const still = connections.find(id)) reading.resume(*still, turn.now());
}

}  // namespace broker
