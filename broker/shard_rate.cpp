// How fast clients publish: max_publish_rate and max_publish_bytes_rate.

#include <algorithm>
#include <memory>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/shard_state.h"

namespace broker {
namespace {

/// A second's worth may come at once: looking again every 100 ms or so wastes none of the rate.
TokenBucket::Size size_of(std::uint32_t per_second) noexcept { return {per_second, per_second}; }

std::int64_t milliseconds_of(TokenBucket& bucket, std::uint32_t per_second, Instant now) noexcept {
  if (per_second == 0) return 0;
  bucket.refill(size_of(per_second), now);
  return bucket.milliseconds_until_room(size_of(per_second));
}

}  // namespace

Shard::State::Next Shard::State::on_metered_publish(Connection& connection,
                                                    const mqtt::Frame& frame) {
  if (const auto failure = meter(connection, frame.size_bytes)) return fail(connection, *failure);
  const Next next = on_publish(connection, frame);
  return next == Next::stop ? next : delay(connection);
}

std::optional<mqtt::Failure> Shard::State::meter(Connection& connection, std::size_t bytes) {
  const PublishRate& rate = policy(connection.listener).publish_rate;
  if (!connection.publishing) {
    connection.publishing = std::make_unique<PublishMeter>(publish_timer, &connection);
  }
  PublishMeter& spent = *connection.publishing;
  const bool ends = rate.policy == PublishRatePolicy::disconnect;
  if (rate.messages_per_second != 0) {
    const bool room = spent.messages.has_room(1, size_of(rate.messages_per_second), now);
    if (ends && !room) {
      count(Refusal::publish_rate);
      return mqtt::Failure{mqtt::Reason::message_rate_too_high, "max_publish_rate exceeded"};
    }
    spent.messages.spend(1);
  }
  if (rate.bytes_per_second != 0) {
    const bool room = spent.bytes.has_room(bytes, size_of(rate.bytes_per_second), now);
    if (ends && !room) {
      count(Refusal::publish_bytes_rate);
      return mqtt::Failure{mqtt::Reason::quota_exceeded, "max_publish_bytes_rate exceeded"};
    }
    spent.bytes.spend(bytes);
  }
  return std::nullopt;
}

Shard::State::Next Shard::State::delay(Connection& connection) {
  const PublishRate& rate = policy(connection.listener).publish_rate;
  if (rate.policy == PublishRatePolicy::disconnect) return Next::go_on;
  PublishMeter& spent = *connection.publishing;
  const std::int64_t milliseconds =
      std::max(milliseconds_of(spent.messages, rate.messages_per_second, now),
               milliseconds_of(spent.bytes, rate.bytes_per_second, now));
  if (milliseconds == 0) return Next::go_on;
  spent.delayed = true;
  timers.arm(spent.timer, after_milliseconds(now, milliseconds));
  count(Refusal::publish_delayed);
  if (!std::exchange(spent.told, true)) {
    note_at_a_rate(delay_lines, {"Client ", describe_client(connection),
                                 " publishes faster than it may: it is read no faster than that."});
  }
  return Next::wait;
}

/// Nobody is late with a PINGREQ while he is not read.
void Shard::State::end_delay(Connection& connection) {
  const ConnectionId id = connection.id;
  connection.publishing->delayed = false;
  connection.last_received = now;
  if (connection.work) return;
  if (!connection.tail.empty() && process_tail(connection) == Next::stop) return;
  if (Connection* const still = find(id)) unmute(*still);
}

}  // namespace broker
