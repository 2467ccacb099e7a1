#include "transport/mqtt_stage.h"

#include <cassert>

#include "transport/connections.h"
#include "transport/login_bytes.h"
#include "transport/loop.h"

namespace transport {

void MqttStage::read(Connection& connection, std::span<std::byte> bytes) {
  if (bytes.empty() || !is_open(connection.state)) return;
  if (connection.state == State::introduced) {
    if (connections_.reader().refuse_wrong_protocol(connection, bytes)) return;
    connections_.change(connection, State::connecting);
  }
  if (connection.state != State::connecting) return pass(connection, bytes);
  assert(!connection.in_line);  // it is not read meanwhile
  connection.in_line = true;
  queue_.add(connection.id, bytes);
}

void MqttStage::take_due() {
  for (const ConnectQueue::Entry& due : queue_.take_due()) {
    Connection* const connection = connections_.find(due.id);
    if (connection == nullptr) continue;
    connection->in_line = false;
    if (!is_open(connection->state)) continue;
    loop_.before_input();
    pass(*connection, due.bytes);
    connections_.reader().end_stages(*connection);
    loop_.after_input(due.bytes.size());
  }
}

void MqttStage::take_unread(Connection& connection, mqtt::Bytes bytes) {
  assert(connection.state == State::at_home);
  connection.reading_held = !loop_.shard().received_before_move(connection.id, bytes, loop_.now());
  passed_before_login(connection);
  connections_.websockets().end(connection);
  if (is_open(connection.state)) connections_.tls().end(connection);
}

void MqttStage::pass(Connection& connection, mqtt::Bytes bytes) {
  if (connection.trace != nullptr) connections_.tracer().received(connection, bytes);
  if (connection.state != State::settled) return pass_before_login(connection, bytes);
  connection.reading_held = !loop_.shard().received(connection.id, bytes, loop_.now());
  loop_.write_borrowed();
}

void MqttStage::pass_before_login(Connection& connection, mqtt::Bytes bytes) {
  connection.reading_held = !loop_.shard().received(connection.id, bytes, loop_.now());
  passed_before_login(connection);
}

/// The shard has had bytes of a client that is not logged in.
void MqttStage::passed_before_login(Connection& connection) {
  loop_.move_connections();
  loop_.write_borrowed();
  if (!is_open(connection.state)) return;
  connections_.arrivals().count_login_bytes(connection, loop_.shard().login_bytes(connection.id));
}

}  // namespace transport
