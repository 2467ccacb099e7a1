#include "broker/requests.h"

#include <cassert>

namespace broker {

Next Requests::take(Connection& connection, const mqtt::Frame& frame) {
  assert(connection.session != nullptr && !connection.work);
  if (const auto failure = subscriptions_.begin(connection, frame)) {
    return disconnects_.fail(connection, *failure);
  }
  return go_on(connection);
}

Next Requests::go_on(Connection& connection) {
  assert(connection.work);
  const auto handled = subscriptions_.go_on(connection);
  if (!handled) return disconnects_.fail(connection, handled.error());
  if (*handled == Subscriptions::Handled::done) {
    connection.work.reset();
    return Next::go_on;
  }
  pressure_.charge(connection.work->keep());
  (*handled == Subscriptions::Handled::waits ? waiting_ : working_).push_back(connection.id);
  return Next::wait;
}

void Requests::filters_announced() {
  while (!waiting_.empty()) working_.push_back(waiting_.pop_front());
}

}  // namespace broker
