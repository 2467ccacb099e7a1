#include "broker/subscriptions.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/text.h"
#include "broker/shard.h"
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

Subscriptions::Subscriptions(const ShardOptions& options, Interest& interest, Router& router,
                             Ledger& ledger, SharedSubscriptions& groups, Retained& retained,
                             Sender& sender, DenialLog& denials, Pressure& pressure, Turn& turn,
                             ClientLog& log, Replies& replies)
    : options_(options),
      interest_(interest),
      router_(router),
      ledger_(ledger),
      groups_(groups),
      denials_(denials),
      pressure_(pressure),
      turn_(turn),
      log_(log),
      replies_(replies),
      retained_(options, ledger, retained, sender, denials, turn) {}

// [MQTT-3.9.3-2] [MQTT-3.11.3-2]
std::optional<mqtt::Failure> Subscriptions::begin(Connection& connection,
                                                  const mqtt::Frame& frame) {
  assert(connection.session != nullptr && connection.work == nullptr);
  const auto head = frame.type == mqtt::PacketType::subscribe
                        ? mqtt::decode_subscribe_head(frame, connection.version)
                        : mqtt::decode_unsubscribe_head(frame, connection.version);
  if (!head) return head.error();
  connection.work = std::make_unique<PacketWork>(frame.type, *head);
  return std::nullopt;
}

mqtt::Decoded<Subscriptions::Handled> Subscriptions::go_on(Connection& connection) {
  assert(connection.session != nullptr && connection.work != nullptr);
  PacketWork& work = *connection.work;
  const bool adds = work.type == mqtt::PacketType::subscribe;
  if (work.phase == PacketWork::Phase::check) {
    const auto checked = check_filters(connection, work);
    if (!checked || *checked == Handled::paused) return checked;
    work.begin(PacketWork::Phase::change);
  }
  if (work.phase == PacketWork::Phase::change) {
    const Handled done = adds ? subscribe_all(connection, work) : unsubscribe_all(connection, work);
    if (done == Handled::paused) return Handled::paused;
    work.mark = adds ? interest_.mark() : 0;
    work.begin(PacketWork::Phase::announce);
  }
  if (work.phase == PacketWork::Phase::announce) {
    // A client that has SUBACK gets what is published from now on, on whatever node.
    if (adds && !interest_.is_announced(work.mark)) return Handled::waits;
    answer_filters(connection, work);
    work.begin(PacketWork::Phase::retained);
  }
  return adds && !retained_.send(connection, work) ? Handled::paused : Handled::done;
}

// Nothing of a packet counts that is not sound as a whole.
mqtt::Decoded<Subscriptions::Handled> Subscriptions::check_filters(const Connection& connection,
                                                                   PacketWork& work) {
  constexpr std::size_t checks_per_step = 8;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (work.number % checks_per_step == 0 && !turn_.take_step()) return Handled::paused;
    const auto checked = check_filter(connection, work.type, rest);
    if (!checked) return std::unexpected(checked.error());
    ++work.number;
  }
  work.filters = work.number;
  if (const auto failure = check_answer(connection, work.filters)) {
    return std::unexpected(*failure);
  }
  return Handled::done;
}

mqtt::Decoded<bool> Subscriptions::check_filter(const Connection& connection, mqtt::PacketType type,
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
  if (mqtt::breaks(options_.limits.text_rule, entry.filter)) {
    return mqtt::malformed("control character in topic filter");
  }
  const auto shared = mqtt::parse_shared(entry.filter);
  if (!shared) return std::unexpected(shared.error());
  if (*shared && entry.no_local) {
    return mqtt::refused(Reason::protocol_error, "No Local on a shared subscription",
                         "[MQTT-3.8.3-4]");
  }
  const std::size_t size_bytes = *shared ? (*shared)->filter.text().size() : entry.filter.size();
  if (connection.session->mount_point.size() + size_bytes > mqtt::text_bytes_max) {
    return std::unexpected(
        mqtt::Failure{Reason::topic_filter_invalid, "topic filter too long behind mount_point"});
  }
  if (*shared) return true;
  if (const auto parsed = mqtt::TopicFilter::parse(entry.filter); !parsed) {
    return std::unexpected(parsed.error());
  }
  return true;
}

Subscriptions::Handled Subscriptions::subscribe_all(Connection& connection, PacketWork& work) {
  Session& session = *connection.session;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (!turn_.take_step()) return Handled::paused;
    const mqtt::SubscribeEntry entry = *mqtt::next_entry(rest, connection.version);
    if (log_.debug()) {
      log_.note(LogType::debug, {"\t", cut(entry.filter), " (QoS ",
                                 std::to_string(static_cast<int>(entry.qos)), ")"});
    }
    Wanted wanted = understand(connection, entry);
    if (is_granted(wanted.answer) && !has_room(connection, wanted)) {
      wanted.answer = Reason::quota_exceeded;
    }
    if (is_granted(wanted.answer)) subscribe(session, wanted, work.head.subscription_identifier);
    work.add({wanted.index, wanted.answer, wanted.fresh});
    if (log_.enabled(LogType::subscribe)) {
      log_.note(LogType::subscribe,
                {cut(session.client_id), " ",
                 std::to_string(mqtt::suback_code(wanted.answer, connection.version)), " ",
                 cut(entry.filter)});
    }
  }
  return Handled::done;
}

// One answer per filter, in order [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6]
// [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6].
void Subscriptions::answer_filters(Connection& connection, const PacketWork& work) {
  answers_.clear();
  for (const PacketWork::Outcome& outcome : work.outcomes) {
    answers_.push_back(outcome.answer);
  }
  const bool adds = work.type == mqtt::PacketType::subscribe;
  const SendRule when = ledger_.acknowledges_late(*connection.session)
                            ? SendRule::after_commit
                            : SendRule::after_earlier_held;
  const auto encode = adds ? mqtt::encode_suback : mqtt::encode_unsuback;
  replies_.send(
      connection, when,
      [&](mqtt::ByteBuffer& out) {
        encode(work.head.packet_id, answers_, connection.version, out);
      },
      adds);
}

// [MQTT-3.1.2-24]
std::optional<mqtt::Failure> Subscriptions::check_answer(const Connection& connection,
                                                         std::size_t filters) {
  const std::uint32_t most = connection.maximum_packet_size_bytes;
  if (most == 0 || mqtt::answer_size_bytes(filters) <= most) return std::nullopt;
  return mqtt::Failure{Reason::packet_too_large, "the answer would exceed Maximum Packet Size"};
}

// [MQTT-3.8.4-7]
Subscriptions::Wanted Subscriptions::understand(const Connection& connection,
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
  if (session.permissions && log_.tracer().follows(session)) {
    const std::string decider =
        session.permissions->decided_by(Access::subscribe, wanted.filter, identity_of(session));
    log_.tracer().tell(session, {"subscribes to '", cut(wanted.filter), "'; rights: ", decider});
  }
  if (session.permissions &&
      !session.permissions->allows(Access::subscribe, wanted.filter, identity_of(session))) {
    const bool refuses = options_.limits.acl_refuse_subscribe;
    if (refuses) wanted.answer = Reason::not_authorized;
    denials_.count_filter(session, wanted.filter, !refuses, turn_.now());
  }
  return wanted;
}

bool Subscriptions::has_room(const Connection& connection, const Wanted& wanted) {
  const Session& session = *connection.session;
  const std::uint32_t most = options_.limits.max_subscriptions;
  const std::size_t shared = session.memberships ? session.memberships->live() : 0;
  const bool full = most != 0 && session.subscriptions.view().size() + shared >= most;
  if (!full && !pressure_.memory_is_short()) return true;
  if (is_subscribed(session, wanted)) return true;
  log_.tracer().tell(connection, {"it may not subscribe to more: ",
                                  full ? "max_subscriptions" : "memory_limit is near"});
  log_.note_rarely(
      ClientLog::RareLine::subscription_limit,
      fields_of(Event::subscription_limit, connection, Reason::quota_exceeded),
      {"Client ", describe_client_with_user(connection), " may not subscribe to more: ",
       full ? concat({"max_subscriptions is ", std::to_string(most)})
            : std::string("memory_limit is near"),
       "."});
  return false;
}

bool Subscriptions::is_subscribed(const Session& session, const Wanted& wanted) const {
  if (!wanted.shared) return router_.has(wanted.filter, as_subscriber(session));
  if (!session.memberships) return false;
  const auto number = session.memberships->find(wanted.share_name, wanted.filter);
  return number != MembershipList::none && session.memberships->at(number).live;
}

// Replaced in place, so that nothing is lost in between [MQTT-3.8.4-4].
void Subscriptions::subscribe(Session& session, Wanted& wanted,
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
  ledger_.subscribed(session, {}, wanted.filter,
                     {subscription_identifier, subscriber.qos, subscriber.no_local,
                      subscriber.retain_as_published});
}

TopicTrie::Insertion Subscriptions::add_subscription(Session& session, std::string_view filter,
                                                     const Subscriber& subscriber) {
  const TopicTrie::Insertion added = router_.subscribe(filter, subscriber);
  if (added.stored != TopicTrie::Stored::fresh) return added;
  session.subscriptions.add(added.filter);
  pressure_.charge(subscription_bytes + filter.size());
  if (interest_.is_asked()) interest_.add(options_.index, filter);
  return added;
}

void Subscriptions::subscribe_shared(Session& session, const Wanted& wanted,
                                     std::uint32_t subscription_identifier) {
  const Ledger::Options terms{subscription_identifier, wanted.entry.qos, false,
                              wanted.entry.retain_as_published};
  join_group(session, wanted.share_name, wanted.filter, terms);
  ledger_.subscribed(session, wanted.share_name, wanted.filter, terms);
}

void Subscriptions::join_group(Session& session, std::string_view share_name,
                               std::string_view filter, const Ledger::Options& terms) {
  if (!groups_.join(session, share_name, filter, terms)) return;
  pressure_.charge(2 * (subscription_bytes + share_name.size() + filter.size()));
}

Subscriptions::Handled Subscriptions::unsubscribe_all(Connection& connection, PacketWork& work) {
  Session& session = *connection.session;
  for (mqtt::Bytes rest = work.rest(); !rest.empty(); work.went_on(rest)) {
    if (!turn_.take_step()) return Handled::paused;
    const std::string_view filter = *mqtt::next_filter(rest);
    if (log_.debug()) log_.note(LogType::debug, {"\t", cut(filter)});
    work.outcomes.push_back({.answer = unsubscribe(session, filter)});
    if (log_.enabled(LogType::unsubscribe)) {
      log_.note(LogType::unsubscribe, {cut(session.client_id), " ", cut(filter)});
    }
  }
  return Handled::done;
}

// Nothing new is added; messages in the window stay there [MQTT-3.10.4-2] [MQTT-3.10.4-3].
Reason Subscriptions::unsubscribe(Session& session, std::string_view filter_text) {
  const auto shared = mqtt::parse_shared(filter_text);
  if (*shared) {
    const std::string filter = concat({session.mount_point, (*shared)->filter.text()});
    return unsubscribe_shared(session, (*shared)->share_name, filter);
  }
  const std::string filter = concat({session.mount_point, filter_text});
  // Compared byte by byte [MQTT-3.10.4-1].
  const auto erased = router_.unsubscribe(filter, as_subscriber(session));
  if (!erased) return Reason::no_subscription_existed;
  session.subscriptions.remove(*erased);
  ledger_.unsubscribed(session, {}, filter);
  if (interest_.is_asked()) interest_.remove(options_.index, filter);
  return Reason::success;
}

Reason Subscriptions::unsubscribe_shared(Session& session, std::string_view share_name,
                                         std::string_view filter) {
  if (!session.memberships) return Reason::no_subscription_existed;
  const MembershipList::Number number = session.memberships->find(share_name, filter);
  if (number == MembershipList::none || !session.memberships->at(number).live) {
    return Reason::no_subscription_existed;
  }
  ledger_.unsubscribed(session, share_name, filter);
  groups_.leave(session, number);
  SharedSubscriptions::forget_ended(session, number);
  return Reason::success;
}

void Subscriptions::put_back(Session& session, std::string_view share_name, std::string_view filter,
                             const Ledger::Options& terms) {
  if (share_name.empty()) {
    Subscriber subscriber = as_subscriber(session);
    subscriber.subscription_identifier = terms.subscription_identifier;
    subscriber.qos = terms.qos;
    subscriber.no_local = terms.no_local;
    subscriber.retain_as_published = terms.retain_as_published;
    add_subscription(session, filter, subscriber);
  } else {
    join_group(session, share_name, filter, terms);
  }
  ledger_.subscribed(session, share_name, filter, terms);
}

bool Subscriptions::end_all(Session& session, MembershipList::Number& next) {
  const MembershipList::Number last = session.memberships ? session.memberships->last() : 0;
  for (; next <= last; ++next) {
    if (!session.memberships->at(next).live) continue;
    if (!turn_.take_step()) return false;
    groups_.leave(session, next);
  }
  const Subscriber subscriber = as_subscriber(session);
  while (!session.subscriptions.empty()) {
    if (!turn_.take_step()) return false;
    const TopicTrie::FilterIndex filter = session.subscriptions.take_last();
    if (interest_.is_asked()) interest_.remove(options_.index, router_.filter_text(filter));
    router_.unsubscribe(filter, subscriber);
  }
  return true;
}

void Subscriptions::rewrite(const Session& session, std::size_t place, JournalBatch& batch) const {
  assert(place < session.subscriptions.view().size());
  const TopicTrie::FilterIndex filter = session.subscriptions.view()[place];
  const Subscriber& terms = router_.terms_of(filter, as_subscriber(session));
  JournalBatch::Subscription row;
  row.session = session.key;
  row.filter = batch.put(router_.filter_text(filter));
  row.present = true;
  row.subscription_identifier = terms.subscription_identifier;
  row.qos = terms.qos;
  row.no_local = terms.no_local;
  row.retain_as_published = terms.retain_as_published;
  batch.subscriptions.push_back(row);
}

}  // namespace broker
