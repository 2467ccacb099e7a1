#include "broker/core/send_queues.h"

#include <algorithm>
#include <cassert>
#include <memory>

#include "broker/core/connection.h"

namespace broker {
namespace {

/// Topics and properties of a queue may take so much, however low max_queued_bytes is.
constexpr std::uint64_t heading_bytes_min = 65'536;

/// The lower of two limits of which 0 means none.
std::uint64_t lower(std::uint64_t one, std::uint64_t other) {
  if (one == 0 || other == 0) return one + other;
  return std::min(one, other);
}

}  // namespace

// Kept while the client is away [MQTT3-3.1.2-5].
void SendQueues::push(Session& session, SendQueue queue, const Terms& terms,
                      Publication& publication) {
  const MessageRef& kept = publication.keep();
  if (!terms.queue_always && !make_room(session, queue, *kept)) {
    return drops_.count(
        session, queue == SendQueue::backlog ? DropReason::queue_full : DropReason::slow_socket);
  }
  Outgoing& outgoing = session.outgoing_part();
  Delivery delivery{kept, IdentifierList(terms.subscription_identifiers), terms.membership,
                    terms.qos, terms.retain};
  if (queue == SendQueue::unsent) {
    assert(session.connection != nullptr && terms.qos == mqtt::Qos::at_most_once);
    outgoing.push_unsent(std::move(delivery));
    session.connection->congested = true;
    return;
  }
  outgoing.push_backlog(std::move(delivery));
  ledger_.changed(session, Ledger::session_deliveries);
}

bool SendQueues::make_room(Session& session, SendQueue queue, const Message& message) {
  assert(session.listener < listeners_.size());
  const SlowConsumer policy = listeners_[session.listener].slow_consumer;
  Outgoing& outgoing = session.outgoing_part();
  Backlog& waiting = queue == SendQueue::backlog ? outgoing.backlog() : outgoing.unsent();
  if (policy == SlowConsumer::latest_per_topic) {
    const auto older = waiting.latest_of(message.topic());
    if (older) give_way(session, queue, *older, DropReason::superseded);
  }
  if (is_below_limits(session, queue)) return true;
  switch (policy) {
    case SlowConsumer::drop_newest:
      return false;
    case SlowConsumer::disconnect:
      if (session.connection != nullptr && !std::exchange(session.connection->overrun, true)) {
        overrun_.push_back(session.connection->id);
      }
      return false;
    case SlowConsumer::drop_oldest:
    case SlowConsumer::latest_per_topic:
      break;
  }
  // A message larger than the limit itself pushes no other out.
  const std::uint64_t bytes_max = bytes_max_of(queue);
  if (bytes_max != 0 && message.payload().size() > bytes_max) return false;
  while (!waiting.empty() && !is_below_limits(session, queue)) {
    give_way(session, queue, waiting.front_number(),
             queue == SendQueue::backlog ? DropReason::queue_full : DropReason::slow_socket);
  }
  return true;
}

std::uint64_t SendQueues::bytes_max_of(SendQueue queue) const {
  return queue == SendQueue::backlog
             ? limits_.max_queued_bytes
             : lower(limits_.max_queued_bytes, limits_.max_queued_qos0_bytes);
}

// As Mosquitto counts: payloads, and a queue that is below its limit takes one more. Topics and
// properties may take as much again, so that empty payloads do not make it endless.
bool SendQueues::is_below_limits(const Session& session, SendQueue queue) const {
  const Outgoing* const outgoing = session.outgoing.get();
  if (outgoing == nullptr) return true;
  const Backlog* const waiting =
      queue == SendQueue::backlog ? &outgoing->backlog() : outgoing->unsent_if_any();
  if (waiting == nullptr) return true;
  const std::uint64_t messages_max = limits_.max_queued_messages;
  if (messages_max != 0 && waiting->size() >= messages_max) return false;
  const std::uint64_t qos0_bytes_max = limits_.max_queued_qos0_bytes;
  if (queue == SendQueue::unsent && qos0_bytes_max != 0 &&
      waiting->size_bytes() >= qos0_bytes_max) {
    return false;
  }
  const std::uint64_t bytes_max = limits_.max_queued_bytes;
  if (bytes_max == 0) return true;
  const std::size_t payload_bytes = waiting->payload_bytes();
  return payload_bytes < bytes_max &&
         waiting->size_bytes() - payload_bytes < std::max(bytes_max, heading_bytes_min);
}

bool SendQueues::has_room(const Session& session) const {
  return is_below_limits(session, SendQueue::backlog) &&
         is_below_limits(session, SendQueue::unsent);
}

void SendQueues::give_way(Session& session, SendQueue queue, std::uint64_t number,
                          DropReason reason) {
  assert(session.outgoing);
  Outgoing& outgoing = *session.outgoing;
  if (queue == SendQueue::unsent) {
    static_cast<void>(outgoing.unsent().remove(number));
  } else {
    const Delivery gone = outgoing.backlog().remove(number);
    ledger_.finished(session, {number, gone.message});
  }
  drops_.count(session, reason);
}

void SendQueues::give_up_socket(Session& session) {
  if (!session.outgoing) return;
  const std::unique_ptr<Backlog> unsent = session.outgoing->take_unsent();
  if (!unsent) return;
  unsent->for_each_from(0, [&](std::uint64_t /*number*/, const Delivery& delivery) {
    const bool kept = limits_.queue_qos0_messages && session.persistent();
    if (!kept || !make_room(session, SendQueue::backlog, *delivery.message)) {
      return drops_.count(session, DropReason::connection_lost);
    }
    session.outgoing->push_backlog({delivery.message,
                                    IdentifierList(delivery.subscription_identifiers.view()),
                                    delivery.membership, delivery.qos, delivery.retain});
    ledger_.changed(session, Ledger::session_deliveries);
  });
}

}  // namespace broker
