#include <algorithm>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/shard_state.h"

namespace broker {
namespace {

/// Packets put aside for one connection, and for all: beyond that connections are not read.
constexpr std::size_t parked_bytes_max = std::size_t{64} << 10U;
constexpr std::size_t parked_bytes_max_of_all = std::size_t{4} << 20U;
/// Answers that a client does not read: beyond that it is not read either.
constexpr std::size_t unread_reply_bytes_max = std::size_t{1} << 20U;

}  // namespace

// A session that outlives its connection keeps what it has.
void Shard::State::end_overrun() {
  while (sender.overrun()) {
    for (const ConnectionId id : sender.take_overrun()) {
      Connection* const connection = find(id);
      if (connection == nullptr) continue;
      constexpr std::string_view why = "its queue is full";
      note(LogType::notice, {"Client ", describe_client(*connection), " disconnected: ", why, "."});
      send_disconnect(*connection, mqtt::Reason::quota_exceeded, why);
      end_connection(*connection, WillFate::publish, CloseHow::policy, why);
    }
  }
}

bool Shard::State::journal_is_behind() {
  if (!ledger.on()) return false;
  const std::size_t most = options.limits.max_uncommitted_bytes;
  const std::size_t waiting = holdings.waiting_bytes() + ledger.noted_bytes();
  // Not to and fro with every message.
  journal_behind = waiting >= (journal_behind ? most / 2 : most);
  return journal_behind;
}

bool Shard::State::has_to_wait(const Connection& connection, const mqtt::Publish& packet) {
  if (connection.parked) return true;
  if (packet.qos == mqtt::Qos::at_most_once && !packet.retain) return false;
  if (!memory_spared && memory_is_short()) spare_memory(true);
  // 5.0 has a reason code for it. Before, all that can be said is nothing.
  const bool cannot_be_told =
      connection.version != mqtt::Version::v5_0 && packet.qos != mqtt::Qos::at_most_once;
  if (memory_spared && cannot_be_told && too_much(connection, packet)) return true;
  return journal_is_behind();
}

Shard::State::Next Shard::State::park(Connection& connection, const mqtt::Frame& frame) {
  if (!connection.parked) {
    connection.parked = std::make_unique<mqtt::ByteBuffer>();
    parked.push_back(connection.id);
  }
  const std::size_t header_bytes = frame.size_bytes - frame.body.size();
  connection.parked->append({frame.body.data() - header_bytes, frame.size_bytes});
  parked_bytes += frame.size_bytes;
  return Next::go_on;
}

void Shard::State::unpark() {
  if (journal_is_behind() || memory_spared || outbox.full()) return;
  hear_client();  // whoever was heard before
  for (const ConnectionId id : std::exchange(parked, {})) {
    Connection* const connection = find(id);
    if (connection == nullptr || !connection->parked) continue;
    if (connection->work) {
      parked.push_back(id);
    } else {
      unpark(*connection);
    }
  }
}

/// Handles what was put aside, in order; what has to wait still is put aside again.
void Shard::State::unpark(Connection& connection) {
  const ConnectionId id = connection.id;
  const std::unique_ptr<mqtt::ByteBuffer> packets = std::move(connection.parked);
  parked_bytes -= packets->size();
  mqtt::Bytes rest = packets->view();
  while (!rest.empty()) {
    const auto frame =
        mqtt::next_frame(rest, connection.promises.maximum_packet_size_bytes, connection.version);
    rest = rest.subspan((*frame)->size_bytes);
    const bool waits = outbox.full() || connection.work != nullptr;
    const Next next = waits ? park(connection, **frame) : handle_parked(connection, **frame);
    if (next == Next::stop) break;
  }
  if (outbox.borrows()) outbox.hold(std::move(*packets));
  if (Connection* const still = find(id)) unmute(*still);
}

/// A PUBLISH was counted when it came.
Shard::State::Next Shard::State::handle_parked(Connection& connection, const mqtt::Frame& frame) {
  return frame.type == mqtt::PacketType::publish ? on_publish(connection, frame)
                                                 : handle_connected(connection, frame);
}

void Shard::State::forget_parked(Connection& connection) {
  if (!connection.parked) return;
  parked_bytes -= connection.parked->size();
  connection.parked.reset();
}

bool Shard::State::listens(const Connection& connection) const {
  if (input_waits(connection)) return false;
  if (connection.unread_reply_bytes > unread_reply_bytes_max && connection.queued_bytes > 0) {
    return false;
  }
  if (!connection.parked) return true;
  return connection.parked->size() <= parked_bytes_max && parked_bytes <= parked_bytes_max_of_all;
}

void Shard::State::unmute(Connection& connection) {
  if (!connection.muted || !listens(connection)) return;
  connection.muted = false;
  connection.last_received = now;
  outbox.request(ResumeRequest{connection.id});
}

void Shard::State::look_at_memory() {
  const std::int64_t kept = std::exchange(memory_kept_bytes, 0);
  std::atomic<std::int64_t>& headroom = commons.memory.headroom_bytes;
  if (headroom.load(std::memory_order_relaxed) == SharedMemory::unlimited) return;
  spare_memory(headroom.fetch_sub(kept, std::memory_order_relaxed) - kept <= 0);
}

std::uint32_t Shard::State::connect_bytes_max() const noexcept {
  const Limits& limits = options.limits;
  if (limits.max_connect_packet_bytes == 0) return limits.max_packet_size_bytes;
  return std::min(limits.max_connect_packet_bytes, limits.max_packet_size_bytes);
}

bool Shard::State::keep_before_login(Connection& connection, std::size_t bytes) {
  constexpr std::size_t small_connect_bytes = 4096;
  keep_bytes(bytes);
  if (connection.stage == Connection::Stage::awaiting_verdict) return false;
  if (connection.tail.size() <= small_connect_bytes || !memory_is_short()) return true;
  note_at_a_rate(login_memory_lines, {"Client connection from ", client_address_text(connection),
                                      " closed: memory_limit is near, and its CONNECT is large."});
  end_connection(connection, WillFate::discard, CloseHow::policy);
  return true;
}

void Shard::State::spare_memory(bool spare) {
  memory_spared = spare;
  sender.spare_memory(spare);
}

mqtt::Reason Shard::State::refuse_for_memory(const mqtt::Publish& packet) {
  if (packet.qos == mqtt::Qos::at_most_once) {
    ++metrics.publish_dropped;
    ++metrics.dropped[static_cast<std::size_t>(DropReason::memory_limit)];
  }
  return mqtt::Reason::quota_exceeded;
}

bool Shard::State::too_much(const Connection& connection, const mqtt::Publish& packet) const {
  // Nothing is kept of QoS 0 while memory is short; and to remove what is retained frees some.
  if (packet.qos == mqtt::Qos::at_most_once && !packet.retain) return false;
  if (packet.retain && packet.payload.empty()) return false;
  // What was accepted before is answered as it was then.
  const auto* const ids = connection.session->incoming.get();
  return packet.qos != mqtt::Qos::exactly_once || ids == nullptr ||
         !ids->contains(packet.packet_id);
}

}  // namespace broker
