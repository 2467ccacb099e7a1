#include "broker/reading.h"

#include <algorithm>
#include <cassert>
#include <memory>

namespace broker {
namespace {

/// A second's worth may come at once: looking again every 100 ms or so wastes none of the rate.
TokenBucket::Size bucket_size(std::uint32_t per_second) noexcept {
  return {per_second, per_second};
}

std::int64_t milliseconds_until_room(TokenBucket& bucket, std::uint32_t per_second,
                                     Instant now) noexcept {
  if (per_second == 0) return 0;
  bucket.refill(bucket_size(per_second), now);
  return bucket.milliseconds_until_room(bucket_size(per_second));
}

}  // namespace

void Reading::resume(Connection& connection, Instant now) {
  if (!connection.reading_paused || !may_read(connection)) return;
  connection.reading_paused = false;
  connection.last_received = now;
  outbox_.request(ResumeRequest{connection.id});
}

bool Reading::late(Connection& connection, Instant now) {
  assert(connection.keep_alive_seconds > 0);
  const bool paused = loop_paused_ || connection.reading_paused || input_waits(connection);
  const Instant since = paused ? now : std::max(connection.last_received, reading_since_);
  const Instant deadline = after_milliseconds(since, connection.keep_alive_seconds * 1500LL);
  if (now >= deadline) return true;
  timers_.arm(connection.timer, deadline);
  return false;
}

std::optional<Refusal> Reading::meter(Connection& connection, std::size_t bytes, Instant now) {
  assert(connection.listener < listeners_.size());
  const PublishRate& rate = listeners_[connection.listener].publish_rate;
  assert(rate.messages_per_second != 0 || rate.bytes_per_second != 0);
  if (!connection.publishing) {
    connection.publishing = std::make_unique<PublishMeter>(delay_timer_kind_, &connection);
  }
  PublishMeter& spent = *connection.publishing;
  const bool ends = rate.policy == PublishRatePolicy::disconnect;
  if (rate.messages_per_second != 0) {
    const bool room = spent.messages.has_room(1, bucket_size(rate.messages_per_second), now);
    if (ends && !room) return Refusal::publish_rate;
    spent.messages.spend(1);
  }
  if (rate.bytes_per_second != 0) {
    const bool room = spent.bytes.has_room(bytes, bucket_size(rate.bytes_per_second), now);
    if (ends && !room) return Refusal::publish_bytes_rate;
    spent.bytes.spend(bytes);
  }
  return std::nullopt;
}

bool Reading::delay(Connection& connection, Instant now) {
  const PublishRate& rate = listeners_[connection.listener].publish_rate;
  if (rate.policy == PublishRatePolicy::disconnect) return false;
  assert(connection.publishing);
  PublishMeter& spent = *connection.publishing;
  const std::int64_t milliseconds =
      std::max(milliseconds_until_room(spent.messages, rate.messages_per_second, now),
               milliseconds_until_room(spent.bytes, rate.bytes_per_second, now));
  if (milliseconds == 0) return false;
  spent.delayed = true;
  timers_.arm(spent.timer, after_milliseconds(now, milliseconds));
  return true;
}

void Reading::end_delay(Connection& connection, Instant now) noexcept {
  assert(connection.publishing && connection.publishing->delayed);
  connection.publishing->delayed = false;
  connection.last_received = now;
}

}  // namespace broker
