// How fast clients publish: max_publish_rate and max_publish_bytes_rate.

#include <utility>

#include "broker/core/client_text.h"
#include "broker/shard_state.h"

namespace broker {

Next Shard::State::on_metered_publish(Connection& connection, const mqtt::Frame& frame) {
  if (const auto exceeded = reading.meter(connection, frame.size_bytes, turn.now())) {
    count(*exceeded);
    return disconnects.fail(
        connection,
        *exceeded == Refusal::publish_rate
            ? mqtt::Failure{mqtt::Reason::message_rate_too_high, "max_publish_rate exceeded"}
            : mqtt::Failure{mqtt::Reason::quota_exceeded, "max_publish_bytes_rate exceeded"});
  }
  if (on_publish(connection, frame) == Next::stop) return Next::stop;
  if (!reading.delay(connection, turn.now())) return Next::go_on;
  count(Refusal::publish_delayed);
  if (!std::exchange(connection.publishing->told, true)) {
    log.note_rarely(ClientLog::RareLine::delayed,
                    {"Client ", describe_client(connection),
                     " publishes faster than it may: it is read no faster than that."});
  }
  return Next::wait;
}

void Shard::State::end_delay(Connection& connection) {
  const ConnectionId id = connection.id;
  reading.end_delay(connection, turn.now());
  if (connection.work) return;
  if (!connection.tail.empty() && process_tail(connection) == Next::stop) return;
  if (Connection* const still = connections.find(id)) reading.resume(*still, turn.now());
}

}  // namespace broker
