#include "broker/core/connection_table.h"

namespace broker {

Connection& ConnectionTable::open(ConnectionId id, std::uint8_t timer_kind, Instant now) {
  assert(find(id) == nullptr);
  if (id.slot >= places_.size()) places_.resize(id.slot + std::size_t{1});
  auto& place = places_[id.slot];
  place = std::make_unique<Connection>(id, timer_kind, now);
  place->last_received = now;
  return *place;
}

void ConnectionTable::remove(Connection& connection) noexcept {
  assert(find(connection.id) == &connection);
  set_queued(connection, 0);
  places_[connection.id.slot].reset();
}

void ConnectionTable::set_queued(Connection& connection, std::size_t queued_bytes) noexcept {
  if (connection.queued_bytes > 0) --metrics_.sockets_behind;
  if (queued_bytes > 0) ++metrics_.sockets_behind;
  metrics_.unsent_bytes += queued_bytes;
  metrics_.unsent_bytes -= connection.queued_bytes;
  connection.queued_bytes = queued_bytes;
}

}  // namespace broker
