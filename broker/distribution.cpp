#include "broker/distribution.h"

#include <algorithm>
#include <cassert>
#include <string>
#include <utility>

#include "broker/core/connection.h"
#include "broker/core/text.h"
#include "broker/shard.h"
#include "broker/wire/topic.h"

namespace broker {

Distribution::Distribution(const ShardOptions& options, const Homes& homes,
                           const Interest& interest, Outbox& outbox, PeerOutbox& peers,
                           Router& router, Ledger& ledger, Forwards& forwards, Sender& sender,
                           SharedSubscriptions& groups, Retained& retained, DenialLog& denials,
                           PeerLinks& links, Pressure& pressure, const Turn& turn)
    : options_(options),
      homes_(homes),
      interest_(interest),
      outbox_(outbox),
      peers_(peers),
      router_(router),
      ledger_(ledger),
      forwards_(forwards),
      sender_(sender),
      groups_(groups),
      retained_(retained),
      denials_(denials),
      links_(links),
      pressure_(pressure),
      turn_(turn) {}

bool Distribution::publish(const MessageView& message, Session* from, bool lendable) {
  Route& route = router_.route(message.topic);
  const PeerSet interested = interested_peers(message.topic, route);
  const PeerSet self(peer_of_shard(options_.index));
  // A retained update goes to every shard: each has a full replica.
  const PeerSet to = (message.retain ? PeerSet::first(options_.shards) : interested) - self;

  Publication publication(message, turn_.now(), route.receivers.size());
  publication.lendable = lendable;
  publication.marked = ledger_.on();
  if (!to.empty() && goes_into_batch(message)) {
    hand_out(publication, route, from);
    send_in_batch(to, message);
  } else if (!to.empty() || message.retain) {
    publish_further({to, interested}, publication, route, from);
  } else {
    hand_out(publication, route, from);
  }
  return !route.receivers.empty() || !route.groups.empty() || !route.links.empty() ||
         !(interested - self).empty();
}

void Distribution::publish_further(const Peers& to, Publication& publication, Route& route,
                                   Session* from) {
  const MessageView& message = publication.view;
  SharedMessage copy;
  if (!to.all.empty()) {
    copy = forwards_.share(message);
    publication.shared = &copy;
  }
  RetainStamp stamp;
  std::shared_ptr<const Publisher> by;
  if (message.retain) {
    stamp = {++retain_count_, static_cast<std::uint32_t>(options_.index)};
    if (from != nullptr) by = publisher_of(*from);
    retain(publication, stamp, by);
  }
  hand_out(publication, route, from);
  if (to.all.empty()) return;
  send_to_peers(to, publication, stamp, by);
  pressure_.charge(message.topic.size() + message.payload.size());
}

bool Distribution::may_publish(const Session& session, std::string_view topic, Denial kind) {
  const bool answered = kind == Denial::publish && answers_control(topic);
  const bool may = (answered || !mqtt::is_reserved(topic)) &&
                   (!session.permissions ||
                    session.permissions->allows(Access::publish, topic, identity_of(session)));
  if (!may) denials_.count(kind, session, topic, turn_.now());
  return may;
}

std::string Distribution::describe_receivers(std::string_view topic) {
  Route& route = router_.route(topic);
  std::string text = concat({std::to_string(route.receivers.size()), " subscribers and ",
                             std::to_string(route.groups.size()), " groups of shard ",
                             std::to_string(static_cast<std::uint32_t>(options_.index))});
  const PeerSet others = interested_peers(topic, route) - PeerSet(peer_of_shard(options_.index));
  others.for_each([&](PeerId peer) {
    text +=
        concat({", some of shard ", std::to_string(static_cast<std::uint32_t>(shard_of(peer)))});
  });
  return text;
}

bool Distribution::answers_control(std::string_view topic) const noexcept {
  return options_.limits.mosquitto_answers && topic.starts_with("$CONTROL/");
}

// As Mosquitto without a plugin for the topic: whether the client subscribed does not matter.
void Distribution::answer_control(Session& session, std::string_view topic) {
  const std::string response = concat({topic, "/response"});
  if (session.permissions &&
      !session.permissions->allows(Access::receive, response, identity_of(session))) {
    denials_.count_withheld(session, response, turn_.now());
    return;
  }
  constexpr std::string_view payload = R"({"error": "endpoint not available"})";
  Publication publication(
      {response, mqtt::as_bytes(payload), {}, mqtt::Qos::at_most_once, false, std::nullopt},
      turn_.now(), 1);
  sender_.deliver(session, Terms{}, publication);
}

// Every session with a matching subscription gets it [MQTT-4.5.0-1].
void Distribution::hand_out(Publication& publication, Route& route, Session* from,
                            Published published) {
  const MessageView& view = publication.view;
  outbox_.charge(
      route.receivers.size() *
      (view.topic.size() + std::min(view.payload.size(), PublishWriter::splice_bytes_min)));
  for (const Receiver& receiver : route.receivers) {
    if (receiver.any_no_local && receiver.session == from) {
      // NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): each receiver has a session
      const Route& own = router_.route_to_publisher(publication.view.topic, *from);
      for (const Receiver& copy : own.receivers) deliver(publication, own, copy);
    } else {
      deliver(publication, route, receiver);
    }
  }
  for (const std::uint32_t group : route.groups) groups_.deliver(group, publication);
  if (!route.links.empty()) send_to_links(view, route, published);
  if (!route.denied.empty()) denials_.count_withheld(route.denied, view.topic, turn_.now());
  if (publication.kept) pressure_.charge(publication.kept_bytes());
}

void Distribution::send_to_links(const MessageView& message, const Route& route,
                                 Published published) {
  for (const Route::Link& link : route.links) {
    if (link.peer == sender_peer_) continue;
    // The shard that published it has such a link, too.
    if (published == Published::at_peer && links_.reach_of(link.peer) == LinkReach::shard) continue;
    links_.send(link.peer, message, std::min(message.qos, link.qos));
  }
}

bool Distribution::publish_from(PeerId link, const MessageView& message) {
  assert(is_link(link));
  sender_peer_ = link;
  const bool received = publish(message, nullptr);
  sender_peer_ = PeerId{0};
  return received;
}

// RETAIN stays only where the subscription asks for that [MQTT-3.3.1-12] [MQTT-3.3.1-13]
// [MQTT3-3.3.1-9].
void Distribution::deliver(Publication& publication, const Route& route, const Receiver& receiver) {
  const Terms terms{sender_.outgoing_qos(publication.view.qos, receiver.qos),
                    publication.view.retain && receiver.retain_as_published, 0,
                    route.ids_of(receiver), false};
  sender_.deliver(*receiver.session, terms, publication);
}

// Whatever its QoS, a message replaces the one before [MQTT3-3.3.1-7].
void Distribution::retain(Publication& publication, RetainStamp stamp,
                          std::shared_ptr<const Publisher> by) {
  retain_count_ = std::max(retain_count_, stamp.count);
  note_retained(publication.view.topic);
  if (publication.view.payload.empty()) {
    // A retained publish without payload removes the retained message [MQTT-3.3.1-6]
    // [MQTT-3.3.1-7].
    retained_.remove(publication.view.topic, stamp, turn_.now(), options_.shards > 1);
  } else {
    retained_.store(publication.keep(), stamp, std::move(by));
  }
}

bool Distribution::sweep_retained() {
  constexpr std::size_t records_per_turn = 4000;  // about a millisecond
  return retained_.sweep(
      turn_.now(), records_per_turn, options_.shards > 1,
      [this](const Retained::Record& record) { note_retained(record.message->topic()); });
}

const std::shared_ptr<const Publisher>& Distribution::publisher_of(Session& session) {
  if (!session.publisher) {
    Publisher by{std::string(session.client_id.view()), std::string(session.user_name.view()),
                 session.listener};
    if (session.permissions && session.permissions->names_address()) {
      by.address = identity_of(session).address;
    }
    session.publisher = std::make_shared<const Publisher>(std::move(by));
  }
  return session.publisher;
}

PeerSet Distribution::interested_peers(std::string_view topic, Route& route) const {
  if (options_.shards == 1) return {};
  // The generation is read before the answer: a change in between makes the answer be asked again.
  const std::uint64_t generation = interest_.generation();
  if (route.peers_generation != generation) {
    route.peers = interest_.interested(topic);
    route.peers_generation = generation;
  }
  return route.peers;
}

bool Distribution::goes_into_batch(const MessageView& message) const noexcept {
  return PublishBatch::takes(message) && !forwards_.waits_in_order() &&
         !options_.limits.queue_qos0_messages;
}

void Distribution::send_in_batch(PeerSet to, const MessageView& message) {
  to.for_each([&](PeerId peer) { peers_.publish(peer, message); });
}

// Every shard has all retained messages, but only one of them stores each.
void Distribution::send_to_peers(const Peers& to, Publication& publication, RetainStamp stamp,
                                 const std::shared_ptr<const Publisher>& by) {
  const SharedMessage& message = *publication.shared;
  PeerSet keeper;
  if (message.retain) keeper.insert(peer_of_shard(homes_.of(message.view().topic)));
  to.all.for_each([&](PeerId peer) {
    // Retained QoS 2 also to shards without subscribers: one that comes meanwhile gets it once.
    const bool queued = message.qos == mqtt::Qos::exactly_once ||
                        (message.qos == mqtt::Qos::at_least_once && to.interested.contains(peer));
    PeerPublish told{message, stamp, by, {}};
    forwards_.send(shard_of(peer), std::move(told), queued || keeper.contains(peer), &publication);
  });
}

void Distribution::on_peer(const PublishBatch& batch) {
  batch.for_each([this](const MessageView& message) {
    Route& route = router_.route(message.topic);
    if (sender_.watched()) sender_.trace_arrival(message.topic);
    Publication publication(message, turn_.now(), route.receivers.size());
    publication.marked = ledger_.on();
    hand_out(publication, route, nullptr, Published::at_peer);
  });
}

void Distribution::on_peer(ShardIndex from, PeerPublish& message) {
  forwards_.begin_peer_input(from, message.confirm);
  const MessageView view = message.message.view();
  Route& route = router_.route(view.topic);
  if (sender_.watched()) sender_.trace_arrival(view.topic);
  Publication publication(view, turn_.now(), route.receivers.size());
  publication.shared = &message.message;
  if (view.retain) {
    retain(publication, message.stamp, std::move(message.publisher));
  }
  // No Local cannot apply: the publisher's session is on the shard that sent this.
  hand_out(publication, route, nullptr, Published::at_peer);
}

bool Distribution::stores_retained(std::string_view topic) const {
  return homes_.of(topic) == options_.index;
}

void Distribution::note_retained(std::string_view topic) {
  if (!ledger_.on() || mqtt::is_sys(topic) || !stores_retained(topic)) return;
  const Retained::Record* const record = retained_.find(topic);
  ledger_.retaining(topic, record == nullptr ? MessageRef{} : record->message);
}

void Distribution::publish_own(std::string_view topic, std::string_view payload, bool retain) {
  publish({topic, mqtt::as_bytes(payload), {}, mqtt::Qos::exactly_once, retain, {}}, nullptr);
}

}  // namespace broker
