#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/text.h"
#include "broker/shard_state.h"
#include "broker/wire/topic.h"

namespace broker {
namespace {

using mqtt::Reason;

/// About the memory that a subscription takes beside its texts.
constexpr std::size_t subscription_bytes = 128;

Reason granted(mqtt::Qos qos) { return static_cast<Reason>(static_cast<std::uint8_t>(qos)); }

bool is_granted(Reason reason) { return reason <= Reason::granted_qos_2; }

Subscriber as_subscriber(const Session& session) {
  Subscriber subscriber;
  subscriber.index = static_cast<std::uint32_t>(session.index);
  return subscriber;
}

}  // namespace

// [MQTT-3.9.3-2] [MQTT-3.11.3-2]
Shard::State::Next Shard::State::on_filters(Connection& connection, const mqtt::Frame& frame) {
  const auto head = frame.type == mqtt::PacketType::subscribe
                        ? mqtt::decode_subscribe_head(frame, connection.version)
                        : mqtt::decode_unsubscribe_head(frame, connection.version);
  if (!head) return fail(connection, head.error());
  connection.work = std::make_unique<PacketWork>(frame.type, *head);
  return go_on_with_packet(connection);
}

Shard::State::Handled Shard::State::handle_filters(Connection& connection) {
  PacketWork& work = *connection.work;
  const bool adds = work.type == mqtt::PacketType::subscribe;
  if (work.phase == PacketWork::Phase::check) {
    if (const Handled done = check_filters(connection, work); done != Handled::done) return done;
    work.begin(PacketWork::Phase::change);
  }
  if (work.phase == PacketWork::Phase::change) {
    const Handled done = adds ? subscribe_all(connection, work) : unsubscribe_all(connection, work);
    if (done != Handled::done) return done;
    answer_filters(connection, work);
    work.begin(PacketWork::Phase::retained);
  }
  return adds ? send_all_retained(connection, work) : Handled::done;
}

// Nothing of a packet counts that is not sound as a whole.
Shard::State::Handled Shard::State::check_filters(Connection& connection, PacketWork& work) {
  const auto failed = [&](const mqtt::Failure& failure) {
    static_cast<void>(fail(connection, failure));
    return Handled::failed;
  };
  constexpr std::size_t checks_per_step = 8;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (work.number % checks_per_step == 0 && !turn.take_step()) return Handled::paused;
    const auto checked = check_filter(connection, work.type, rest);
    if (!checked) return failed(checked.error());
    ++work.number;
  }
  work.filters = work.number;
  if (const auto failure = check_answer(connection, work.filters)) return failed(*failure);
  return Handled::done;
}

mqtt::Decoded<bool> Shard::State::check_filter(const Connection& connection, mqtt::PacketType type,
                                               mqtt::Bytes& rest) const {
  mqtt::SubscribeEntry entry;
  if (type == mqtt::PacketType::subscribe) {
    const auto read = mqtt::next_entry(rest, connection.version);
    if (!read) return std::unexpected(read.error());
    entry = *read;
  } else {
    const auto read = mqtt::next_filter(rest);
    if (!read) return std::unexpected(read.error());
    entry.filter = *read;
  }
  if (mqtt::breaks(options.limits.text_rule, entry.filter)) {
    return mqtt::malformed("control character in topic filter");
  }
  const auto shared = mqtt::parse_shared(entry.filter);
  if (!shared) return std::unexpected(shared.error());
  // [MQTT-3.8.3-4]
  if (*shared && entry.no_local) {
    return std::unexpected(
        mqtt::Failure{Reason::protocol_error, "No Local on a shared subscription"});
  }
  if (*shared) return true;
  if (const auto parsed = mqtt::TopicFilter::parse(entry.filter); !parsed) {
    return std::unexpected(parsed.error());
  }
  return true;
}

Shard::State::Handled Shard::State::subscribe_all(Connection& connection, PacketWork& work) {
  Session& session = *connection.session;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (!turn.take_step()) return Handled::paused;
    const mqtt::SubscribeEntry entry = *mqtt::next_entry(rest, connection.version);
    if (log.debug()) {
      log.note(LogType::debug, {"\t", cut(entry.filter), " (QoS ",
                                std::to_string(static_cast<int>(entry.qos)), ")"});
    }
    Wanted wanted = understand(connection, entry);
    if (is_granted(wanted.answer) && !has_room(connection, wanted)) {
      wanted.answer = Reason::quota_exceeded;
    }
    if (is_granted(wanted.answer)) subscribe(session, wanted, work.head.subscription_identifier);
    work.add({wanted.index, wanted.answer, wanted.fresh});
    if (log.enabled(LogType::subscribe)) {
      log.note(LogType::subscribe,
               {cut(session.client_id), " ",
                std::to_string(mqtt::suback_code(wanted.answer, connection.version)), " ",
                cut(entry.filter)});
    }
  }
  return Handled::done;
}

// One answer per filter, in order [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6]
// [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6].
void Shard::State::answer_filters(Connection& connection, const PacketWork& work) {
  scratch_reasons.clear();
  for (const PacketWork::Outcome& outcome : work.outcomes) {
    scratch_reasons.push_back(outcome.answer);
  }
  const bool adds = work.type == mqtt::PacketType::subscribe;
  const When when = ledger.acknowledges_late(*connection.session) ? When::safe : When::in_order;
  const auto encode = adds ? mqtt::encode_suback : mqtt::encode_unsuback;
  replies.send(
      connection, when,
      [&](mqtt::ByteBuffer& out) {
        encode(work.head.packet_id, scratch_reasons, connection.version, out);
      },
      adds);
}

// [MQTT-3.1.2-24]
std::optional<mqtt::Failure> Shard::State::check_answer(const Connection& connection,
                                                        std::size_t filters) {
  const std::uint32_t most = connection.maximum_packet_size_bytes;
  if (most == 0 || mqtt::answer_size_bytes(filters) <= most) return std::nullopt;
  return mqtt::Failure{Reason::packet_too_large, "the answer would exceed Maximum Packet Size"};
}

// [MQTT-3.8.4-7]
Shard::State::Wanted Shard::State::understand(const Connection& connection,
                                              const mqtt::SubscribeEntry& entry) {
  const Session& session = *connection.session;
  Wanted wanted;
  wanted.entry = entry;
  std::string_view filter = entry.filter;
  if (const auto shared = *mqtt::parse_shared(entry.filter)) {
    wanted.shared = true;
    wanted.share_name = shared->share_name;
    filter = shared->filter.text();
  }
  wanted.filter = concat({session.mount_point, filter});
  const mqtt::Qos qos = std::min(entry.qos, connection.promises.maximum_qos);
  wanted.entry.qos = qos;
  wanted.answer = granted(qos);
  if (session.permissions &&
      !session.permissions->allows(Access::subscribe, wanted.filter, identity_of(session))) {
    const bool refuses = options.limits.acl_refuse_subscribe;
    if (refuses) wanted.answer = Reason::not_authorized;
    denials.count_filter(session, wanted.filter, !refuses, turn.now());
  }
  return wanted;
}

bool Shard::State::has_room(const Connection& connection, const Wanted& wanted) {
  const Session& session = *connection.session;
  const std::uint32_t most = options.limits.max_subscriptions;
  const std::size_t shared = session.memberships ? session.memberships->live() : 0;
  const bool full = most != 0 && session.subscriptions.view().size() + shared >= most;
  if (!full && !pressure.memory_is_short()) return true;
  if (is_subscribed(session, wanted)) return true;
  log.note_rarely(ClientLog::RareLine::subscription_limit,
                  {"Client ", describe_client_with_user(connection), " may not subscribe to more: ",
                   full ? concat({"max_subscriptions is ", std::to_string(most)})
                        : std::string("memory_limit is near"),
                   "."});
  return false;
}

bool Shard::State::is_subscribed(const Session& session, const Wanted& wanted) const {
  if (!wanted.shared) return router.has(wanted.filter, as_subscriber(session));
  if (!session.memberships) return false;
  const auto number = session.memberships->find(wanted.share_name, wanted.filter);
  return number != MembershipList::none && session.memberships->at(number).live;
}

// Replaced in place, so that nothing is lost in between [MQTT-3.8.4-4].
void Shard::State::subscribe(Session& session, Wanted& wanted,
                             std::uint32_t subscription_identifier) {
  if (wanted.shared) return subscribe_shared(session, wanted, subscription_identifier);
  Subscriber subscriber = as_subscriber(session);
  subscriber.subscription_identifier = subscription_identifier;
  subscriber.qos = wanted.entry.qos;
  // A bridge gets none of its own messages back, and needs to know which ones are retained.
  subscriber.no_local = wanted.entry.no_local || session.from_bridge;
  subscriber.retain_as_published = wanted.entry.retain_as_published || session.from_bridge;
  const TopicTrie::Insertion added = add_subscription(session, wanted.filter, subscriber);
  wanted.fresh = added.stored == TopicTrie::Stored::fresh;
  wanted.index = added.filter;
  ledger.subscribed(session, {}, wanted.filter,
                    {subscription_identifier, subscriber.qos, subscriber.no_local,
                     subscriber.retain_as_published});
}

TopicTrie::Insertion Shard::State::add_subscription(Session& session, std::string_view filter,
                                                    const Subscriber& subscriber) {
  const TopicTrie::Insertion added = router.subscribe(filter, subscriber);
  if (added.stored != TopicTrie::Stored::fresh) return added;
  session.subscriptions.add(added.filter);
  pressure.charge(subscription_bytes + filter.size());
  if (!alone()) commons.interest.add(options.index, filter);
  return added;
}

void Shard::State::subscribe_shared(Session& session, const Wanted& wanted,
                                    std::uint32_t subscription_identifier) {
  const Ledger::Options terms{subscription_identifier, wanted.entry.qos, false,
                              wanted.entry.retain_as_published};
  join_group(session, wanted.share_name, wanted.filter, terms);
  ledger.subscribed(session, wanted.share_name, wanted.filter, terms);
}

void Shard::State::join_group(Session& session, std::string_view share_name,
                              std::string_view filter, const Ledger::Options& terms) {
  if (!groups.join(session, share_name, filter, terms)) return;
  pressure.charge(2 * (subscription_bytes + share_name.size() + filter.size()));
}

Shard::State::Handled Shard::State::send_all_retained(Connection& connection, PacketWork& work) {
  constexpr std::size_t looks_per_step = 8;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (!work.walk && work.number % looks_per_step == 0 && !turn.take_step())
      return Handled::paused;
    const mqtt::SubscribeEntry entry = *mqtt::next_entry(rest, connection.version);
    const PacketWork::Outcome& outcome = work.outcomes[work.number];
    // If a filter comes twice, its retained messages are sent once.
    const bool wants = outcome.filter != 0 && !outcome.repeated && wants_retained(entry, outcome);
    if (wants && send_retained(connection, work, entry) == Handled::paused) {
      return Handled::paused;
    }
    ++work.number;
  }
  return Handled::done;
}

// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
bool Shard::State::wants_retained(const mqtt::SubscribeEntry& entry,
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
Shard::State::Handled Shard::State::send_retained(Connection& connection, PacketWork& work,
                                                  const mqtt::SubscribeEntry& entry) {
  constexpr std::size_t steps_per_message = 2;
  Session& session = *connection.session;
  if (!work.walk) {
    work.walk =
        std::make_unique<RetainedWalk>(retained, concat({session.mount_point, entry.filter}));
    work.queue_always = sender.has_room(session);
  }
  const std::uint32_t id = work.head.subscription_identifier;
  const std::span<const std::uint32_t> ids(&id, id == 0 ? 0 : 1);
  const mqtt::Qos qos = std::min(entry.qos, connection.promises.maximum_qos);
  const bool done =
      work.walk->run(turn.steps_left(), turn.now(), [&](const Retained::Record& record) {
        if (!may_be_sent(session, entry, record)) return;
        turn.spend(steps_per_message);
        Publication publication(record.message->view(), turn.now(), 1);
        publication.marked = ledger.on();
        publication.kept = record.message;
        // The retain flag says that this is no live message [MQTT-3.3.1-8].
        const Terms terms{sender.outgoing_qos(record.message->qos(), qos), true, 0, ids,
                          work.queue_always};
        sender.deliver(session, terms, publication);
      });
  if (!done) return Handled::paused;
  work.walk.reset();
  return Handled::done;
}

bool Shard::State::may_be_sent(const Session& session, const mqtt::SubscribeEntry& entry,
                               const Retained::Record& record) {
  const std::string_view topic = record.message->topic();
  const Publisher* const by = record.publisher.get();
  // [MQTT-3.8.3-3]
  if (entry.no_local && by != nullptr && by->client_id == session.client_id) return false;
  if (session.permissions &&
      !session.permissions->allows(Access::receive, topic, identity_of(session))) {
    denials.count_withheld(session, topic, turn.now());
    return false;
  }
  if (!options.limits.check_retain_source || by == nullptr || options.authority == nullptr) {
    return true;
  }
  const auto source = options.authority->permissions_of(by->listener, by->user_name);
  // A message that cannot be judged now was judged when it was published.
  if (!source || (source->names_address() && by->address.empty())) return true;
  return source->allows(Access::publish, topic, {by->client_id, by->address});
}

Shard::State::Handled Shard::State::unsubscribe_all(Connection& connection, PacketWork& work) {
  Session& session = *connection.session;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (!turn.take_step()) return Handled::paused;
    const std::string_view filter = *mqtt::next_filter(rest);
    if (log.debug()) log.note(LogType::debug, {"\t", cut(filter)});
    work.outcomes.push_back({.answer = unsubscribe(session, filter)});
    if (log.enabled(LogType::unsubscribe)) {
      log.note(LogType::unsubscribe, {cut(session.client_id), " ", cut(filter)});
    }
  }
  return Handled::done;
}

// Nothing new is added; messages in the window stay there [MQTT-3.10.4-2] [MQTT-3.10.4-3].
Reason Shard::State::unsubscribe(Session& session, std::string_view filter_text) {
  const auto shared = mqtt::parse_shared(filter_text);
  if (*shared) {
    const std::string filter = concat({session.mount_point, (*shared)->filter.text()});
    return unsubscribe_shared(session, (*shared)->share_name, filter);
  }
  const std::string filter = concat({session.mount_point, filter_text});
  // Compared byte by byte [MQTT-3.10.4-1].
  const auto erased = router.unsubscribe(filter, as_subscriber(session));
  if (!erased) return Reason::no_subscription_existed;
  session.subscriptions.remove(*erased);
  ledger.unsubscribed(session, {}, filter);
  if (!alone()) commons.interest.remove(options.index, filter);
  return Reason::success;
}

Reason Shard::State::unsubscribe_shared(Session& session, std::string_view share_name,
                                        std::string_view filter) {
  if (!session.memberships) return Reason::no_subscription_existed;
  const MembershipList::Number number = session.memberships->find(share_name, filter);
  if (number == MembershipList::none || !session.memberships->at(number).live) {
    return Reason::no_subscription_existed;
  }
  ledger.unsubscribed(session, share_name, filter);
  groups.leave(session, number);
  SharedSubscriptions::forget_ended(session, number);
  return Reason::success;
}

}  // namespace broker
