#include "broker/pressure.h"

#include <cassert>

namespace broker {

bool Pressure::journal_is_behind() {
  if (!ledger_.on()) return false;
  const std::size_t most = limits_.max_uncommitted_bytes;
  const std::size_t waiting = holdings_.waiting_bytes() + ledger_.noted_bytes();
  // Hysteresis: stop at the limit, go on at half of it.
  journal_behind_ = waiting >= (journal_behind_ ? most / 2 : most);
  return journal_behind_;
}

void Pressure::look_at_memory() {
  const std::int64_t charged = std::exchange(charged_bytes_, 0);
  std::atomic<std::int64_t>& headroom = memory_.headroom_bytes;
  if (headroom.load(std::memory_order_relaxed) == SharedMemory::unlimited) return;
  spare_memory(headroom.fetch_sub(charged, std::memory_order_relaxed) - charged <= 0);
}

void Pressure::spare_memory(bool spare) {
  memory_spared_ = spare;
  sender_.spare_memory(spare);
}

bool Pressure::would_be_kept(const Connection& connection, const mqtt::Publish& packet) {
  assert(connection.session != nullptr);
  // QoS 0 is not kept while memory is short; and to remove a retained message frees some.
  if (packet.qos == mqtt::Qos::at_most_once && !packet.retain) return false;
  if (packet.retain && packet.payload.empty()) return false;
  // A repeated QoS 2 PUBLISH is answered as the first one was.
  const auto* const ids = connection.session->incoming.get();
  return packet.qos != mqtt::Qos::exactly_once || ids == nullptr ||
         !ids->contains(packet.packet_id);
}

bool Pressure::has_to_wait(const Connection& connection, const mqtt::Publish& packet) {
  assert(connection.session != nullptr);
  if (connection.parked) return true;
  if (packet.qos == mqtt::Qos::at_most_once && !packet.retain) return false;
  if (!memory_spared_ && memory_is_short()) spare_memory(true);
  // 5.0 has a reason code for it. A client of an earlier version can only be kept waiting.
  const bool cannot_be_told =
      connection.version != mqtt::Version::v5_0 && packet.qos != mqtt::Qos::at_most_once;
  if (cannot_be_told && refuses(connection, packet)) return true;
  return links_.are_full() || journal_is_behind();
}

void Pressure::park(Connection& connection, const mqtt::Frame& frame) {
  if (!connection.parked) {
    connection.parked = std::make_unique<mqtt::ByteBuffer>();
    parked_.push_back(connection.id);
  }
  assert(frame.size_bytes > frame.body.size());
  const std::size_t header_bytes = frame.size_bytes - frame.body.size();
  connection.parked->append({frame.body.data() - header_bytes, frame.size_bytes});
  parked_bytes_ += frame.size_bytes;
}

std::unique_ptr<mqtt::ByteBuffer> Pressure::unpark(Connection& connection) {
  if (connection.parked) {
    assert(parked_bytes_ >= connection.parked->size());
    parked_bytes_ -= connection.parked->size();
  }
  return std::move(connection.parked);
}

}  // namespace broker
