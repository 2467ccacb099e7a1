#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "broker/core/text.h"
#include "broker/shard_state.h"
#include "broker/wire/topic.h"

namespace broker {
namespace {

using mqtt::Reason;

Reason granted(mqtt::Qos qos) { return static_cast<Reason>(static_cast<std::uint8_t>(qos)); }

bool is_granted(Reason reason) { return reason <= Reason::granted_qos_2; }

Subscriber as_subscriber(const Session& session) {
  Subscriber subscriber;
  subscriber.index = static_cast<std::uint32_t>(session.index);
  return subscriber;
}

}  // namespace

// [MQTT-3.9.3-2]
Shard::State::Next Shard::State::on_subscribe(Connection& connection, const mqtt::Frame& frame) {
  const auto packet = mqtt::decode_subscribe(frame, connection.version);
  if (!packet) return fail(connection, packet.error());
  if (const auto failure = check_answer(connection, packet->entries.size())) {
    return fail(connection, *failure);
  }
  std::vector<Wanted> all;
  for (const mqtt::SubscribeEntry& entry : packet->entries) {
    auto wanted = understand(connection, entry);
    if (!wanted) return fail(connection, wanted.error());
    all.push_back(std::move(*wanted));
  }
  if (debug) {
    for (const mqtt::SubscribeEntry& entry : packet->entries) {
      note(LogType::debug,
           {"\t", cut(entry.filter), " (QoS ", std::to_string(static_cast<int>(entry.qos)), ")"});
    }
  }
  Session& session = *connection.session;
  const When when = ledger.acknowledges_late(session) ? When::safe : When::in_order;
  scratch_reasons.clear();
  for (Wanted& wanted : all) {
    if (is_granted(wanted.answer)) subscribe(session, wanted, packet->subscription_identifier);
    scratch_reasons.push_back(wanted.answer);
    if (!log.enabled(LogType::subscribe)) continue;
    note(LogType::subscribe, {cut(session.client_id), " ",
                              std::to_string(mqtt::suback_code(wanted.answer, connection.version)),
                              " ", cut(wanted.entry.filter)});
  }
  // One answer per filter, in order [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6].
  reply(
      connection, when,
      [&](mqtt::ByteBuffer& out) {
        mqtt::encode_suback(packet->packet_id, scratch_reasons, connection.version, out);
      },
      true);
  for (const Wanted& wanted : all) {
    if (!wanted.shared && is_granted(wanted.answer)) {
      send_retained(session, wanted, packet->subscription_identifier);
    }
  }
  return Next::go_on;
}

// [MQTT-3.1.2-24]
std::optional<mqtt::Failure> Shard::State::check_answer(const Connection& connection,
                                                        std::size_t filters) {
  const std::uint32_t most = connection.maximum_packet_size_bytes;
  if (most == 0 || mqtt::answer_size_bytes(filters) <= most) return std::nullopt;
  return mqtt::Failure{Reason::packet_too_large, "the answer would exceed Maximum Packet Size"};
}

// [MQTT-3.8.4-7]
mqtt::Decoded<Shard::State::Wanted> Shard::State::understand(const Connection& connection,
                                                             const mqtt::SubscribeEntry& entry) {
  const Session& session = *connection.session;
  Wanted wanted;
  wanted.entry = entry;
  std::string_view filter = entry.filter;
  const auto shared = mqtt::parse_shared(entry.filter);
  if (!shared) return std::unexpected(shared.error());
  if (*shared) {
    wanted.shared = true;
    wanted.share_name = (*shared)->share_name;
    filter = (*shared)->filter.text();
    // [MQTT-3.8.3-4]
    if (entry.no_local) {
      return std::unexpected(
          mqtt::Failure{Reason::protocol_error, "No Local on a shared subscription"});
    }
  } else if (const auto parsed = mqtt::TopicFilter::parse(filter); !parsed) {
    return std::unexpected(parsed.error());
  }
  wanted.filter = concat({session.mount_point, filter});
  const mqtt::Qos qos = std::min(entry.qos, connection.promises.maximum_qos);
  wanted.entry.qos = qos;
  wanted.answer = granted(qos);
  if (session.permissions &&
      !session.permissions->allows(Access::subscribe, wanted.filter, identity_of(session))) {
    const bool refuses = options.limits.acl_refuse_subscribe;
    if (refuses) wanted.answer = Reason::not_authorized;
    denials.count_filter(session, wanted.filter, !refuses, now);
  }
  return wanted;
}

// Replaced in place, so that nothing is lost in between [MQTT-3.8.4-4].
void Shard::State::subscribe(Session& session, Wanted& wanted,
                             std::uint32_t subscription_identifier) {
  if (wanted.shared) return subscribe_shared(session, wanted, subscription_identifier);
  Subscriber subscriber = as_subscriber(session);
  subscriber.subscription_identifier = subscription_identifier;
  subscriber.qos = wanted.entry.qos;
  // A bridge hears nothing of its own back, and wants to know what is retained.
  subscriber.no_local = wanted.entry.no_local || session.from_bridge;
  subscriber.retain_as_published = wanted.entry.retain_as_published || session.from_bridge;
  wanted.fresh = add_subscription(session, wanted.filter, subscriber);
  ledger.subscribed(session, {}, wanted.filter,
                    {subscription_identifier, subscriber.qos, subscriber.no_local,
                     subscriber.retain_as_published});
}

bool Shard::State::add_subscription(Session& session, std::string_view filter_text,
                                    const Subscriber& subscriber) {
  const auto [filter, stored] = router.subscribe(filter_text, subscriber);
  if (stored != TopicTrie::Stored::fresh) return false;
  session.subscriptions.add(filter);
  if (!alone()) commons.interest.add(options.index, filter_text);
  return true;
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
  const std::uint32_t place = membership_of(session, share_name, filter) - 1;
  Membership& membership = (*session.memberships)[place];
  const ShardIndex home = group_home(share_name, filter);
  if (!std::exchange(membership.live, true) && !alone()) commons.interest.add(home, filter);
  tell(home, GroupJoin{membership.share_name, membership.filter, session.index, session.number,
                       terms.qos, terms.retain_as_published, session.connection != nullptr,
                       terms.subscription_identifier});
}

std::uint32_t Shard::State::membership_of(Session& session, std::string_view share_name,
                                          std::string_view filter) {
  if (!session.memberships) session.memberships = std::make_unique<std::vector<Membership>>();
  auto& all = *session.memberships;
  auto found = std::ranges::find_if(all, [&](const Membership& membership) {
    return membership.share_name == share_name && membership.filter == filter;
  });
  if (found == all.end()) {
    all.push_back({std::string(share_name), std::string(filter), false});
    found = std::prev(all.end());
  }
  return static_cast<std::uint32_t>(found - all.begin()) + 1;
}

// Sent with RETAIN 1 [MQTT3-3.3.1-8].
void Shard::State::send_retained(Session& session, const Wanted& wanted,
                                 std::uint32_t subscription_identifier) {
  const mqtt::RetainHandling handling = wanted.entry.retain_handling;
  // [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
  if (handling == mqtt::RetainHandling::do_not_send) return;
  if (handling == mqtt::RetainHandling::send_if_new && !wanted.fresh) return;
  const std::span<const std::uint32_t> ids(&subscription_identifier,
                                           subscription_identifier == 0 ? 0 : 1);
  const bool always = sender.has_room(session);
  retained.match(wanted.filter, now, [&](const Retained::Record& record) {
    if (!may_be_sent(session, wanted, record)) return;
    Publication publication(record.message->view(), now, 1);
    publication.marked = ledger.on();
    publication.kept = record.message;
    // The retain flag says that this is no live message [MQTT-3.3.1-8].
    const Terms terms{outgoing_qos(record.message->qos(), wanted.entry.qos), true, 0, ids, always};
    sender.deliver(session, terms, publication);
  });
}

bool Shard::State::may_be_sent(const Session& session, const Wanted& wanted,
                               const Retained::Record& record) {
  const std::string_view topic = record.message->topic();
  const Publisher* const by = record.publisher.get();
  // [MQTT-3.8.3-3]
  if (wanted.entry.no_local && by != nullptr && by->client_id == session.client_id) return false;
  if (session.permissions &&
      !session.permissions->allows(Access::receive, topic, identity_of(session))) {
    denials.count_withheld(session, topic, now);
    return false;
  }
  if (!options.limits.check_retain_source || by == nullptr || options.authority == nullptr) {
    return true;
  }
  const auto source = options.authority->permissions_of(by->listener, by->user_name);
  // What cannot be judged was judged when it was published.
  if (!source || (source->names_address() && by->address.empty())) return true;
  return source->allows(Access::publish, topic, {by->client_id, by->address});
}

// [MQTT-3.11.3-2]
Shard::State::Next Shard::State::on_unsubscribe(Connection& connection, const mqtt::Frame& frame) {
  const auto packet = mqtt::decode_unsubscribe(frame, connection.version);
  if (!packet) return fail(connection, packet.error());
  if (const auto failure = check_answer(connection, packet->filters.size())) {
    return fail(connection, *failure);
  }
  Session& session = *connection.session;
  const When when = ledger.acknowledges_late(session) ? When::safe : When::in_order;
  for (const std::string_view filter : packet->filters) {
    const auto shared = mqtt::parse_shared(filter);
    if (!shared) return fail(connection, shared.error());
    if (*shared) continue;
    if (const auto parsed = mqtt::TopicFilter::parse(filter); !parsed) {
      return fail(connection, parsed.error());
    }
  }
  scratch_reasons.clear();
  for (const std::string_view filter : packet->filters) {
    if (debug) note(LogType::debug, {"\t", cut(filter)});
    scratch_reasons.push_back(unsubscribe(session, filter));
    if (log.enabled(LogType::unsubscribe)) {
      note(LogType::unsubscribe, {cut(session.client_id), " ", cut(filter)});
    }
  }
  // [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6]
  reply(connection, when, [&](mqtt::ByteBuffer& out) {
    mqtt::encode_unsuback(packet->packet_id, scratch_reasons, connection.version, out);
  });
  return Next::go_on;
}

// Nothing new is added; what is in the window stays there [MQTT-3.10.4-2] [MQTT-3.10.4-3].
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
  for (Membership& membership : *session.memberships) {
    if (!membership.live || membership.share_name != share_name || membership.filter != filter) {
      continue;
    }
    membership.live = false;
    ledger.unsubscribed(session, share_name, filter);
    const ShardIndex home = group_home(share_name, filter);
    tell(home, GroupLeave{membership.share_name, membership.filter, session.index, session.number});
    if (!alone()) commons.interest.remove(home, filter);
    return Reason::success;
  }
  return Reason::no_subscription_existed;
}

}  // namespace broker
