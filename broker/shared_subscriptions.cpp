#include "broker/shared_subscriptions.h"

#include <cassert>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/shard.h"

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

SharedSubscriptions::SharedSubscriptions(const ShardOptions& options, const Homes& homes,
                                         Interest& interest, SessionTable& sessions, Router& router,
                                         PeerOutbox& peers, Forwards& forwards, Sender& sender,
                                         DenialLog& denials)
    : options_(options),
      homes_(homes),
      interest_(interest),
      sessions_(sessions),
      router_(router),
      peers_(peers),
      forwards_(forwards),
      sender_(sender),
      denials_(denials) {}

template <typename Message>
void SharedSubscriptions::tell(ShardIndex home, Message&& message) {
  if (home == options_.index) return on_peer(home, message);
  peers_.send(peer_of_shard(home), std::forward<Message>(message));
}

MembershipList::Number SharedSubscriptions::membership_of(Session& session,
                                                          std::string_view share_name,
                                                          std::string_view filter) {
  if (!session.memberships) session.memberships = std::make_unique<MembershipList>();
  return session.memberships->add(share_name, filter);
}

bool SharedSubscriptions::join(Session& session, std::string_view share_name,
                               std::string_view filter, const Ledger::Options& terms) {
  const MembershipList::Number number = membership_of(session, share_name, filter);
  const ShardIndex home = homes_.of_group(share_name, filter);
  const bool fresh = session.memberships->join(number);
  session.memberships->set_options(number, terms.qos, terms.retain_as_published,
                                   terms.subscription_identifier);
  if (fresh && interest_.is_asked()) interest_.add(home, filter);
  tell(home, GroupJoin{std::string(share_name), std::string(filter), session.index, session.number,
                       terms.qos, terms.retain_as_published, session.connection != nullptr,
                       terms.subscription_identifier});
  return fresh;
}

void SharedSubscriptions::leave(Session& session, MembershipList::Number number) {
  assert(session.memberships);
  session.memberships->leave(number);
  const Membership& membership = session.memberships->at(number);
  const ShardIndex home = homes_.of_group(membership.share_name, membership.filter);
  tell(home, GroupLeave{membership.share_name, membership.filter, session.index, session.number});
  if (interest_.is_asked()) interest_.remove(home, membership.filter);
}

// A membership that has ended keeps its number while deliveries may name it. To look through these
// is put off until it is worth it, so that each UNSUBSCRIBE costs little.
void SharedSubscriptions::forget_ended(Session& session, MembershipList::Number ended) {
  constexpr std::size_t ended_max = 64;
  assert(session.memberships);
  MembershipList& all = *session.memberships;
  const std::size_t deliveries = session.outgoing ? session.outgoing->deliveries() : 0;
  if (deliveries == 0) {
    all.erase(ended);
  } else if (all.ended() > ended_max + 2 * deliveries + all.live()) {
    std::vector<bool> named(all.last() + std::size_t{1});
    session.outgoing->for_each([&](const Delivery& one) { named[one.membership] = true; });
    for (MembershipList::Number number = 1; number <= all.last(); ++number) {
      const Membership& one = all.at(number);
      if (!one.live && !one.share_name.empty() && !named[number]) all.erase(number);
    }
  }
  if (all.live() + all.ended() == 0) session.memberships.reset();
}

void SharedSubscriptions::presence(const Session& session, const Membership& membership) {
  tell(homes_.of_group(membership.share_name, membership.filter),
       GroupPresence{membership.share_name, membership.filter, session.index, session.number,
                     session.connection != nullptr});
}

std::size_t SharedSubscriptions::give_back(Session& session, Instant now) {
  if (!session.outgoing || !session.memberships) return 0;
  const Forwards::StoreAndForward scope(forwards_, true);
  const std::unique_ptr<Outgoing> outgoing = std::move(session.outgoing);
  std::size_t count = 0;
  outgoing->return_shared([&](const Delivery& delivery) {
    ++count;
    const Membership& membership = session.memberships->at(delivery.membership);
    // The group is not to choose this session again.
    if (membership.live) leave(session, delivery.membership);
    const ShardIndex home = homes_.of_group(membership.share_name, membership.filter);
    send_back(
        home,
        {membership.share_name, membership.filter, forwards_.share(delivery.message->view()), {}},
        delivery.qos != mqtt::Qos::at_most_once, now);
  });
  return count;
}

void SharedSubscriptions::send_back(ShardIndex home, GroupReturn&& message, bool lasting,
                                    Instant now) {
  if (home == options_.index) return on_peer(home, message, now);
  forwards_.send(home, std::move(message), lasting, nullptr);
}

void SharedSubscriptions::on_peer(ShardIndex from, const GroupJoin& message) {
  GroupMember member = as_member(from, message.session, message.session_number);
  member.subscription_identifier = message.subscription_identifier;
  member.qos = message.qos;
  member.retain_as_published = message.retain_as_published;
  member.online = message.online;
  const auto [group, created] = groups_.join(message.share_name, message.filter, member);
  if (created) router_.subscribe(message.filter, as_subscriber(group));
}

void SharedSubscriptions::on_peer(ShardIndex from, const GroupLeave& message) {
  std::uint32_t group = 0;
  const GroupMember member = as_member(from, message.session, message.session_number);
  if (groups_.leave(message.share_name, message.filter, member, group)) {
    router_.unsubscribe(message.filter, as_subscriber(group));
  }
}

void SharedSubscriptions::on_peer(ShardIndex from, const GroupPresence& message) {
  GroupMember member = as_member(from, message.session, message.session_number);
  member.online = message.online;
  groups_.set_online(message.share_name, message.filter, member);
}

/// The next member of the group. Members of this shard with an ending session have left by then.
const GroupMember* SharedSubscriptions::pick(std::uint32_t group) {
  for (;;) {
    const GroupMember* const member = groups_.pick(group);
    if (member == nullptr || member->shard != options_.index) return member;
    const Session* const session = sessions_.at(member->session, member->session_number);
    if (session != nullptr && session->end == Session::End::none) return member;
    const Groups::Group& left = groups_.at(group);
    const GroupLeave gone{left.share_name, left.filter, member->session, member->session_number};
    const bool last = left.members.size() == 1;
    on_peer(options_.index, gone);
    if (last) return nullptr;
  }
}

void SharedSubscriptions::deliver(std::uint32_t group, Publication& publication) {
  const GroupMember* const member = pick(group);
  if (member == nullptr) return;
  const Groups::Group& chosen = groups_.at(group);
  if (member->shard == options_.index) {
    const Granted granted{member->qos, member->retain_as_published,
                          member->subscription_identifier};
    return deliver_here(sessions_.at(member->session), chosen.share_name, chosen.filter, granted,
                        publication);
  }
  SharedMessage copy =
      publication.shared != nullptr ? *publication.shared : forwards_.share(publication.view);
  const bool lasting = copy.qos != mqtt::Qos::at_most_once;
  forwards_.send(member->shard,
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

void SharedSubscriptions::deliver_here(Session& session, std::string_view share_name,
                                       std::string_view filter, const Granted& granted,
                                       Publication& publication) {
  const MessageView& view = publication.view;
  if (session.permissions &&
      !session.permissions->allows(Access::receive, view.topic, identity_of(session))) {
    denials_.count_withheld(session, view.topic, publication.now);
    return;
  }
  assert(session.end == Session::End::none);
  const MembershipList::Number membership = membership_of(session, share_name, filter);
  const std::uint32_t& id = granted.subscription_identifier;
  // Not above the granted QoS [MQTT-4.8.2-3].
  const Terms terms{sender_.outgoing_qos(view.qos, granted.qos),
                    view.retain && granted.retain_as_published, membership,
                    std::span(&id, id == 0 ? 0U : 1U), false};
  sender_.deliver(session, terms, publication);
}

void SharedSubscriptions::on_peer(ShardIndex from, GroupDelivery& message, Instant now) {
  forwards_.begin_peer_input(from, message.confirm);
  Session* const session = sessions_.at(message.session, message.session_number);
  if (session == nullptr || session->end != Session::End::none) {
    // It ended on the way here: the group chooses again, among the members that are left.
    if (session != nullptr) {
      tell(from,
           GroupLeave{message.share_name, message.filter, message.session, message.session_number});
    }
    if (message.message.qos == mqtt::Qos::at_most_once) return;
    return send_back(
        from,
        {std::move(message.share_name), std::move(message.filter), std::move(message.message), {}},
        true, now);
  }
  Publication publication(message.message.view(), now, 1);
  publication.shared = &message.message;
  const Granted granted{message.qos, message.retain_as_published, message.subscription_identifier};
  deliver_here(*session, message.share_name, message.filter, granted, publication);
}

void SharedSubscriptions::on_peer(ShardIndex from, GroupReturn& message, Instant now) {
  forwards_.begin_peer_input(from, message.confirm);
  const std::optional<std::uint32_t> group = groups_.number(message.share_name, message.filter);
  if (!group) return;  // no member is left to take it
  Publication publication(message.message.view(), now, 1);
  publication.shared = &message.message;
  deliver(*group, publication);
}

}  // namespace broker
