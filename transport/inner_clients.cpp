#include "transport/inner_clients.h"

#include <cassert>

#include "transport/connection.h"
#include "transport/connection_table.h"
#include "transport/loop.h"

namespace transport {

InnerClient& InnerClients::client_of(const Connection& connection) const {
  assert(connection.state == State::inner);
  const auto found = clients_.find(connection.id.slot);
  assert(found != clients_.end());
  return *found->second;
}

broker::ConnectionId InnerClients::open(InnerClient& client, const broker::Origin& origin) {
  Connection& connection = table_.acquire();
  connection.state = State::inner;
  connection.opened = loop_.now();
  clients_[connection.id.slot] = &client;
  if (loop_.connections().tracer().on()) connection.trace = std::make_unique<ConnectionTrace>();
  loop_.shard().opened(connection.id, origin, loop_.now());
  return connection.id;
}

bool InnerClients::send(broker::ConnectionId id, mqtt::Bytes bytes) {
  assert(!loop_.blocked());
  loop_.before_input();
  Connection* connection = table_.find(id);
  if (connection == nullptr) return true;  // its end is told
  if (connection->trace != nullptr) loop_.connections().tracer().received(*connection, bytes);
  const bool goes_on = loop_.shard().received(id, bytes, loop_.now());
  connection->reading_held = !goes_on;
  loop_.write_borrowed();
  loop_.after_input(bytes.size());
  // The shard may have asked for more meanwhile.
  connection = table_.find(id);
  return connection == nullptr || !connection->reading_held;
}

void InnerClients::report(broker::ConnectionId id, std::size_t queued_bytes) {
  loop_.shard().writable(id, queued_bytes, loop_.now());
}

void InnerClients::close(broker::ConnectionId id) {
  Connection* const connection = table_.find(id);
  if (connection == nullptr) return;
  loop_.before_input();  // as for a socket that ends: see Connections::lose()
  loop_.shard().closed(id, broker::CloseCause::ended_here, loop_.now());
  drop(*connection);
}

std::size_t InnerClients::write(const Connection& connection, const broker::Output& output) {
  return client_of(connection).inner_received(output);
}

void InnerClients::resume(const Connection& connection) { client_of(connection).inner_resumed(); }

void InnerClients::end(Connection& connection) {
  InnerClient& client = client_of(connection);
  drop(connection);
  client.inner_closed();
}

void InnerClients::drop(Connection& connection) {
  assert(connection.state == State::inner);
  clients_.erase(connection.id.slot);
  connection.state = State::closed;
  table_.release(connection);
}

}  // namespace transport
