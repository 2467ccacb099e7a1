#include "transport/connection_table.h"

#include <cassert>
#include <utility>

namespace transport {

Connection& ConnectionTable::acquire() {
  if (free_.empty()) {
    if (slots_ == blocks_.size() * block_size) {
      blocks_.push_back(std::make_unique<Connection[]>(block_size));
    }
    free_.push_back(slots_++);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  Connection& connection = at(slot);
  assert(connection.state == State::free);
  connection.id.slot = slot;
  connection.state = State::proxy_header;
  ++size_;
  return connection;
}

void ConnectionTable::release(Connection& connection) {
  assert(connection.state == State::closed && size_ > 0);
  assert(&at(connection.id.slot) == &connection);
  const broker::ConnectionId id = connection.id;
  connection = Connection{};
  connection.id = {id.slot, id.generation + 1};
  free_.push_back(id.slot);
  --size_;
}

Connection* ConnectionTable::find(broker::ConnectionId id) noexcept {
  if (id.slot >= slots_) return nullptr;
  Connection& connection = at(id.slot);
  const bool alive = connection.state != State::free && connection.state != State::closed;
  return alive && connection.id == id ? &connection : nullptr;
}

}  // namespace transport
