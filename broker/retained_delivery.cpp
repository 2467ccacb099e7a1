#include "broker/retained_delivery.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <span>

#include "broker/core/text.h"
#include "broker/shard.h"

namespace broker {

RetainedDelivery::RetainedDelivery(const ShardOptions& options, const Ledger& ledger,
                                   Retained& retained, Sender& sender, DenialLog& denials,
                                   Turn& turn)
    : options_(options),
      ledger_(ledger),
      retained_(retained),
      sender_(sender),
      denials_(denials),
      turn_(turn) {}

bool RetainedDelivery::send(Connection& connection, PacketWork& work) {
  assert(connection.session != nullptr && work.phase == PacketWork::Phase::retained);
  constexpr std::size_t looks_per_step = 8;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (!work.walk && work.number % looks_per_step == 0 && !turn_.take_step()) return false;
    const mqtt::SubscribeEntry entry = *mqtt::next_entry(rest, connection.version);
    const PacketWork::Outcome& outcome = work.outcomes[work.number];
    // If a filter comes twice, its retained messages are sent once.
    const bool wants = outcome.filter != 0 && !outcome.repeated && asks_for(entry, outcome);
    if (!wants && denials_.tracer().on()) {
      denials_.tracer().tell(connection,
                             {"no retained messages of '", cut(entry.filter), "' are sent"});
    }
    if (wants && !send_matching(connection, work, entry)) return false;
    ++work.number;
  }
  return true;
}

// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
bool RetainedDelivery::asks_for(const mqtt::SubscribeEntry& entry,
                                const PacketWork::Outcome& outcome) {
  switch (entry.retain_handling) {
    case mqtt::RetainHandling::send:
      return true;
    case mqtt::RetainHandling::send_if_new:
      return outcome.fresh;
    case mqtt::RetainHandling::do_not_send:
      break;
  }
  return false;
}

// Sent with RETAIN 1 [MQTT3-3.3.1-8].
bool RetainedDelivery::send_matching(Connection& connection, PacketWork& work,
                                     const mqtt::SubscribeEntry& entry) {
  constexpr std::size_t steps_per_message = 2;
  Session& session = *connection.session;
  if (!work.walk) {
    work.walk =
        std::make_unique<RetainedWalk>(retained_, concat({session.mount_point, entry.filter}));
    work.queue_always = sender_.has_room(session);
  }
  const std::uint32_t id = work.head.subscription_identifier;
  const std::span<const std::uint32_t> ids(&id, id == 0 ? 0 : 1);
  const mqtt::Qos qos = std::min(entry.qos, connection.promises.maximum_qos);
  const bool done =
      work.walk->run(turn_.steps_left(), turn_.now(), [&](const Retained::Record& record) {
        if (!may_be_sent(session, entry, record)) return;
        turn_.spend(steps_per_message);
        Publication publication(record.message->view(), turn_.now(), 1);
        publication.marked = ledger_.on();
        publication.kept = record.message;
        // The retain flag says that this is no live message [MQTT-3.3.1-8].
        const Terms terms{sender_.outgoing_qos(record.message->qos(), qos), true, 0, ids,
                          work.queue_always};
        if (denials_.tracer().on()) {
          denials_.tracer().tell(
              session, {"retained message of '", cut(record.message->topic()), "' is sent"});
        }
        sender_.deliver(session, terms, publication);
      });
  if (!done) return false;
  work.walk.reset();
  return true;
}

bool RetainedDelivery::may_be_sent(const Session& session, const mqtt::SubscribeEntry& entry,
                                   const Retained::Record& record) {
  const std::string_view topic = record.message->topic();
  const Publisher* const by = record.publisher.get();
  if (!session.takes(topic)) return false;
  // [MQTT-3.8.3-3]
  if (entry.no_local && by != nullptr && by->client_id == session.client_id) return false;
  if (session.permissions &&
      !session.permissions->allows(Access::receive, topic, identity_of(session))) {
    denials_.count_withheld(session, topic, turn_.now());
    return false;
  }
  if (!options_.limits.check_retain_source || by == nullptr || options_.authority == nullptr) {
    return true;
  }
  const auto source = options_.authority->permissions_of(by->listener, by->user_name);
  // A message that cannot be judged now was judged when it was published.
  if (!source || (source->names_address() && by->address.empty())) return true;
  return source->allows(Access::publish, topic, {by->client_id, by->address});
}

}  // namespace broker
