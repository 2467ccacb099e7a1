#include <algorithm>
#include <string>
#include <utility>

#include "broker/core/text.h"
#include "broker/shard_state.h"

namespace broker {
namespace {

GroupMember as_member(ShardIndex shard, SessionIndex session, std::uint64_t number) {
  GroupMember member;
  member.shard = shard;
  member.session = session;
  member.session_number = number;
  return member;
}

Subscriber as_subscriber(std::uint32_t group) {
  Subscriber subscriber;
  subscriber.index = group;
  subscriber.kind = Subscriber::Kind::group;
  return subscriber;
}

}  // namespace

std::uint64_t Shard::State::interested_peers(std::string_view topic, Route& route) const {
  if (alone()) return 0;
  // The generation is read before the answer: a change in between makes the answer be asked again.
  const std::uint64_t generation = commons.interest.generation();
  if (route.peers_generation != generation) {
    route.peers = commons.interest.interested(topic);
    route.peers_generation = generation;
  }
  return route.peers;
}

void Shard::State::send_in_batch(std::uint64_t to, const MessageView& message) {
  for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
    if ((to >> shard & 1U) != 0) peers.publish(ShardIndex{shard}, message);
  }
}

// Every shard has what is retained, but only one of them stores it.
void Shard::State::send_to_peers(const Peers& to, Publication& publication, RetainStamp stamp,
                                 const std::shared_ptr<const Publisher>& by) {
  const SharedMessage& message = *publication.shared;
  const std::uint32_t keeper =
      message.retain ? static_cast<std::uint32_t>(homes.of(message.view().topic)) : options.shards;
  for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
    if ((to.all >> shard & 1U) == 0) continue;
    // Retained QoS 2 also where nobody is interested: who subscribes meanwhile gets it once.
    const bool queued =
        message.qos == mqtt::Qos::exactly_once ||
        (message.qos == mqtt::Qos::at_least_once && (to.interested >> shard & 1U) != 0);
    PeerPublish told{message, stamp, by, {}};
    tell_message(ShardIndex{shard}, std::move(told), queued || shard == keeper, &publication);
  }
}

void Shard::State::on_peer(ShardIndex /*from*/, PublishBatch& batch) {
  batch.for_each([this](const MessageView& message) {
    Route& route = router.route(message.topic);
    Publication publication(message, now, route.receivers.size());
    publication.marked = ledger.on();
    hand_out(publication, route, nullptr);
  });
}

void Shard::State::on_peer(ShardIndex from, PeerPublish& message) {
  forwards.begin_peer_input(from, message.confirm);
  const MessageView view = message.message.view();
  Route& route = router.route(view.topic);
  Publication publication(view, now, route.receivers.size());
  publication.shared = &message.message;
  if (view.retain) {
    retain(publication, message.stamp, std::move(message.publisher));
  }
  // No Local cannot apply: the publisher's session is on the shard that sent this.
  hand_out(publication, route, nullptr);
}

void Shard::State::on_peer(ShardIndex from, GroupJoin& message) {
  GroupMember member = as_member(from, message.session, message.session_number);
  member.subscription_identifier = message.subscription_identifier;
  member.qos = message.qos;
  member.retain_as_published = message.retain_as_published;
  member.online = message.online;
  const auto [group, created] = groups.join(message.share_name, message.filter, member);
  if (created) router.subscribe(message.filter, as_subscriber(group));
}

void Shard::State::on_peer(ShardIndex from, GroupLeave& message) {
  std::uint32_t group = 0;
  const GroupMember member = as_member(from, message.session, message.session_number);
  if (groups.leave(message.share_name, message.filter, member, group)) {
    router.unsubscribe(message.filter, as_subscriber(group));
  }
}

void Shard::State::on_peer(ShardIndex from, GroupPresence& message) {
  GroupMember member = as_member(from, message.session, message.session_number);
  member.online = message.online;
  groups.set_online(message.share_name, message.filter, member);
}

/// The member whose turn it is. Those of this shard whose sessions are ending have left by then.
const GroupMember* Shard::State::pick_member(std::uint32_t group) {
  for (;;) {
    const GroupMember* const member = groups.pick(group);
    if (member == nullptr || member->shard != options.index) return member;
    const Session* const session = sessions.at(member->session, member->session_number);
    if (session != nullptr && session->end == Session::End::none) return member;
    const Groups::Group& left = groups.at(group);
    GroupLeave gone{left.share_name, left.filter, member->session, member->session_number};
    const bool last = left.members.size() == 1;
    on_peer(options.index, gone);
    if (last) return nullptr;
  }
}

void Shard::State::deliver_to_group(std::uint32_t group, Publication& publication) {
  const GroupMember* const member = pick_member(group);
  if (member == nullptr) return;
  const Groups::Group& chosen = groups.at(group);
  if (member->shard == options.index) {
    Session& session = sessions.at(member->session);
    return deliver_to_member(session, chosen, *member, publication);
  }
  SharedMessage copy =
      publication.shared != nullptr ? *publication.shared : forwards.share(publication.view);
  const bool lasting = copy.qos != mqtt::Qos::at_most_once;
  tell_message(member->shard,
               GroupDelivery{chosen.share_name,
                             chosen.filter,
                             member->session,
                             member->session_number,
                             std::move(copy),
                             member->qos,
                             member->retain_as_published,
                             member->subscription_identifier,
                             {}},
               lasting, &publication);
}

void Shard::State::deliver_to_member(Session& session, const Groups::Group& group,
                                     const GroupMember& member, Publication& publication) {
  deliver_shared(session, group.share_name, group.filter, member.qos, member.retain_as_published,
                 member.subscription_identifier, publication);
}

void Shard::State::deliver_shared(Session& session, std::string_view share_name,
                                  std::string_view filter, mqtt::Qos qos, bool retain_as_published,
                                  std::uint32_t subscription_identifier, Publication& publication) {
  const MessageView& view = publication.view;
  if (session.permissions &&
      !session.permissions->allows(Access::receive, view.topic, identity_of(session))) {
    denials.count_withheld(session, view.topic, now);
    return;
  }
  const MembershipList::Number membership = membership_of(session, share_name, filter);
  // Not above what was granted [MQTT-4.8.2-3].
  const Terms terms{outgoing_qos(view.qos, qos), view.retain && retain_as_published, membership,
                    std::span(&subscription_identifier, subscription_identifier == 0 ? 0U : 1U),
                    false};
  sender.deliver(session, terms, publication);
}

void Shard::State::on_peer(ShardIndex from, GroupDelivery& message) {
  forwards.begin_peer_input(from, message.confirm);
  Session* const session = sessions.at(message.session, message.session_number);
  if (session == nullptr || session->end != Session::End::none) {
    // It ended on the way here: the group chooses again, among the members that are left.
    if (session != nullptr) {
      tell(from,
           GroupLeave{message.share_name, message.filter, message.session, message.session_number});
    }
    if (message.message.qos == mqtt::Qos::at_most_once) return;
    tell_message(from,
                 GroupReturn{std::move(message.share_name),
                             std::move(message.filter),
                             std::move(message.message),
                             {}},
                 true, nullptr);
    return;
  }
  Publication publication(message.message.view(), now, 1);
  publication.shared = &message.message;
  deliver_shared(*session, message.share_name, message.filter, message.qos,
                 message.retain_as_published, message.subscription_identifier, publication);
}

void Shard::State::on_peer(ShardIndex from, GroupReturn& message) {
  forwards.begin_peer_input(from, message.confirm);
  const std::optional<std::uint32_t> group = groups.number(message.share_name, message.filter);
  if (!group) return;  // nobody is left to take it
  Publication publication(message.message.view(), now, 1);
  publication.shared = &message.message;
  deliver_to_group(*group, publication);
}

void Shard::State::on_peer(ShardIndex from, MetricsRequest& /*message*/) {
  tell(from, MetricsReport{std::make_shared<const Metrics>(figures.snapshot())});
}

void Shard::State::on_peer(ShardIndex from, MetricsReport& message) {
  figures.report(from, *message.metrics);
}

void Shard::State::on_peer(ShardIndex from, Confirmed& message) {
  forwards.confirmed(from, message.request);
}

}  // namespace broker
