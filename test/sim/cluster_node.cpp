#include "test/sim/cluster_node.h"

#include <algorithm>
#include <utility>

#include "broker/wire/topic.h"

namespace sim {
namespace {

using State = cluster::SessionState;

constexpr std::size_t window_max = 4;
constexpr unsigned packet_ids = 24;  // so few that they come round soon
constexpr std::uint64_t numbers_ahead = 8;

}  // namespace

unsigned Node::packet_id(std::uint64_t number) {
  return 1 + static_cast<unsigned>(number % packet_ids);
}

Node::Node(NodeHost& host, Oracle& oracle, Images& images, NodeRules rules,
           cluster::MemberId member, std::uint64_t batches_before)
    : host_(host),
      oracle_(oracle),
      images_(images),
      rules_(rules),
      members_({.name = "node",
                .member = member,
                .beat_milliseconds = 200,
                .lease_milliseconds = 800,
                .dead_after_milliseconds = 1000}),
      ownership_({.flapping = {.moves_max = 8,
                               .window_milliseconds = 3000,
                               .delay_milliseconds = 100,
                               .delay_milliseconds_max = 800},
                  .retry_milliseconds = 150,
                  .numbers_ahead = numbers_ahead},
                 members_),
      publishes_(5),
      acks_(5),
      tailed_(batches_before),
      position_(cluster::sequence_of(tailed_, cluster::batch_messages_max - 1)) {}

bool Node::holds_lease() const {
  return rules_.mutant == Mutant::no_lease || members_.holds_lease(host_.now());
}

cluster::Sequence Node::position() const { return position_; }

Node::Session* Node::find(const std::string& id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void Node::tick() {
  for (const cluster::WriteMember& order : members_.tick(host_.now())) write_member(order);
  ownership_.tick(host_.now());
  for (auto& [id, session] : sessions_) {
    // What waited for the lease.
    for (Delivery& delivery : session->window) {
      if (delivery.state == Delivery::State::recorded) release(*session, delivery);
    }
    send_more(*session);
    if (may_serve()) {
      for (const Packet& packet : std::exchange(session->unread, {})) take(*session, packet);
    }
  }
  append();
  append_acks();
  carry_out();
}

void Node::packet(ConnectionName connection, const std::string& client_id, const Packet& packet) {
  if (packet.type == Packet::Type::connect) {
    if (const auto before = waiting_.find(client_id); before != waiting_.end()) {
      host_.close(before->second);
    }
    waiting_[client_id] = connection;
    ownership_.connect(client_id, 3600, host_.now());
    return carry_out();
  }
  Session* const session = find(client_id);
  if (session == nullptr || session->connection != connection) return;
  take(*session, packet);
  carry_out();
}

/// Without a lease another node may have taken from this client since what is read here: so it is
/// not read before this node knows.
bool Node::may_serve() const { return rules_.delivers_without_lease || holds_lease(); }

void Node::take(Session& session, const Packet& packet) {
  const bool waits = packet.type == Packet::Type::publish && !may_serve();
  if (waits || !session.unread.empty()) return session.unread.push_back(packet);
  switch (packet.type) {
    case Packet::Type::publish:
      take_publish(session, packet);
      break;
    case Packet::Type::pubrel:
      session.incoming.erase(packet.id);
      reply(session, Packet::Type::pubcomp, packet.id);
      break;
    case Packet::Type::subscribe:
    case Packet::Type::unsubscribe:
      take_subscribe(session, packet);
      break;
    case Packet::Type::puback:
      take_puback(session, packet.id);
      break;
    case Packet::Type::pubrec:
      take_pubrec(session, packet.id);
      break;
    case Packet::Type::pubcomp:
      take_pubcomp(session, packet.id);
      break;
    default:
      break;
  }
}

void Node::connection_lost(ConnectionName connection) {
  for (auto& [id, session] : sessions_) {
    if (session->arrives == connection) session->arrives.reset();
    if (session->connection != connection) continue;
    session->connection.reset();
    session->unread.clear();
  }
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second == connection; });
}

void Node::reply(Session& session, Packet::Type type, unsigned id) {
  if (session.connection) {
    host_.reply(*session.connection,
                {.type = type, .id = id, .qos = 0, .filter = {}, .message = {}});
  }
}

void Node::connected(Session& session, ConnectionName connection) {
  if (session.connection) host_.close(*session.connection);
  session.connection = connection;
  session.unread.clear();
  reply(session, Packet::Type::connack, 0);
  for (const auto& [id, number] : session.in_doubt) {
    host_.reply(connection, {.type = Packet::Type::pubrel,
                             .id = id,
                             .qos = 0,
                             .filter = {},
                             .message = {},
                             .is_in_doubt = true});
  }
  for (Delivery& delivery : session.window) {
    if (delivery.state == Delivery::State::sent) send(session, delivery);
    if (delivery.state == Delivery::State::released) {
      reply(session, Packet::Type::pubrel, packet_id(delivery.number));
    }
  }
  send_more(session);
}

// Messages of publishers.

void Node::take_publish(Session& session, const Packet& packet) {
  Copy copy = packet.message;
  if (copy.qos == 2) {
    if (const auto known = session.incoming.find(packet.id); known != session.incoming.end()) {
      if (known->second) reply(session, Packet::Type::pubrec, packet.id);
      return;
    }
  }
  copy.run = member();
  copy.number = ++own_number_;
  oracle_.accepted(copy);
  // Without a lease this node may not know of a session that wants it.
  const bool is_wanted = !holds_lease() || interest_.wants(copy.topic);
  if (copy.qos == 2) session.incoming[packet.id] = false;
  if (is_wanted) {
    for (auto& [id, other] : sessions_) {
      const auto qos = qos_for(*other, copy, UINT64_MAX);
      if (!qos || !other->at_once.has(copy.number)) continue;
      other->unresolved[copy.number] = 0;
      enqueue(*other, {.copy = copy, .sequence = 0, .number = 0, .state = {}, .qos = *qos});
    }
    last_appended_ = copy.number;
    ++session.publishes_on_way;
    publishes_.add(
        {.copy = copy, .client_id = session.id, .serial = session.serial, .id = packet.id});
    append();
  } else {
    acknowledge(session, packet.id, copy.qos);
  }
}

void Node::acknowledge(Session& session, unsigned id, unsigned qos) {
  if (qos == 2) {
    if (const auto known = session.incoming.find(id); known != session.incoming.end()) {
      known->second = true;
    }
  }
  if (!session.is_frozen) {
    reply(session, qos == 2 ? Packet::Type::pubrec : Packet::Type::puback, id);
  }
}

void Node::append() {
  const auto* const batch = publishes_.begin();
  if (batch == nullptr) return;
  JetStream::Batch copies;
  for (const Publish& publish : batch->entries) copies.push_back(publish.copy);
  const auto request = [member = member(), id = batch->number, copies](JetStream& stream) {
    return stream.append(member, id, copies);
  };
  if (rules_.mutant == Mutant::many_batches) {
    const std::uint64_t id = batch->number;
    return append_alone(std::make_shared<std::vector<Publish>>(publishes_.stored()), id);
  }
  host_.call(request, [this](std::optional<std::uint64_t> done) {
    if (done) {
      stored(publishes_.stored());
    } else {
      publishes_.failed();
    }
    append();
    carry_out();
  });
}

/// The mutant: a batch that is repeated by itself, whatever became of others.
void Node::append_alone(const std::shared_ptr<std::vector<Publish>>& publishes, std::uint64_t id) {
  JetStream::Batch copies;
  for (const Publish& publish : *publishes) copies.push_back(publish.copy);
  host_.call([member = member(), id,
              copies](JetStream& stream) { return stream.append(member, id, copies); },
             [this, publishes, id](std::optional<std::uint64_t> done) {
               if (!done) return append_alone(publishes, id);
               stored(*publishes);
               carry_out();
             });
}

void Node::stored(const std::vector<Publish>& publishes) {
  for (const Publish& publish : publishes) {
    Session* const session = find(publish.client_id);
    if (session == nullptr || session->serial != publish.serial) continue;
    --session->publishes_on_way;
    acknowledge(*session, publish.id, publish.copy.qos);
  }
}

// Messages to subscribers.

std::optional<unsigned> Node::qos_for(const Session& session, const Copy& copy,
                                      cluster::Sequence sequence) const {
  std::optional<unsigned> found;
  for (const auto& [filter, subscription] : session.subscriptions) {
    if (sequence <= subscription.since || !mqtt::matches(filter, copy.topic)) continue;
    found = std::max(found.value_or(0), std::min(subscription.qos, copy.qos));
  }
  return found;
}

void Node::enqueue(Session& session, Delivery delivery) {
  session.queue.push_back(std::move(delivery));
  send_more(session);
}

void Node::send_more(Session& session) {
  if (!session.is_ready || session.is_frozen || !session.connection) return;
  if (!may_serve()) return;
  if (session.reserved - session.next_number < window_max && !session.is_reserving) {
    session.is_reserving = true;
    save(session);
  }
  while (!session.queue.empty() && session.window.size() < window_max &&
         session.next_number < session.reserved) {
    const unsigned id = packet_id(session.next_number);
    const auto has_id = [&](const Delivery& other) { return packet_id(other.number) == id; };
    if (session.in_doubt.contains(id) || std::ranges::any_of(session.window, has_id)) return;
    Delivery delivery = std::move(session.queue.front());
    session.queue.pop_front();
    delivery.number = session.next_number++;
    session.window.push_back(std::move(delivery));
    send(session, session.window.back());
  }
}

void Node::send(Session& session, const Delivery& delivery) {
  if (!rules_.delivers_without_lease || members_.holds_lease(host_.now())) {
    oracle_.sends(session.id, session.epoch);
  }
  if (!session.connection) return;
  host_.reply(*session.connection, {.type = Packet::Type::publish,
                                    .id = packet_id(delivery.number),
                                    .qos = delivery.qos,
                                    .filter = {},
                                    .message = delivery.copy});
}

void Node::take_puback(Session& session, unsigned id) {
  const auto found = std::ranges::find_if(session.window, [&](const Delivery& delivery) {
    return delivery.qos == 1 && packet_id(delivery.number) == id;
  });
  if (found == session.window.end()) return;
  finish(session, *found);
  session.window.erase(found);
  send_more(session);
}

void Node::take_pubrec(Session& session, unsigned id) {
  const auto found = std::ranges::find_if(session.window, [&](const Delivery& delivery) {
    return delivery.qos == 2 && packet_id(delivery.number) == id;
  });
  if (found == session.window.end() || found->state != Delivery::State::sent) return;
  finish(session, *found);
  found->state = Delivery::State::received;
  if (found->sequence != 0) record(session, *found);
}

void Node::record(Session& session, Delivery& delivery) {
  if (rules_.mutant == Mutant::early_release) release(session, delivery);
  acks_.add({.ack = {.client_id = session.id, .sequence = delivery.sequence},
             .serial = session.serial,
             .number = delivery.number});
  append_acks();
}

void Node::append_acks() {
  const auto* const batch = acks_.begin();
  if (batch == nullptr) return;
  JetStream::Acks acks{.member = member(), .acks = {}};
  for (const Ack& ack : batch->entries) acks.acks.push_back(ack.ack);
  host_.call([acks](JetStream& stream) { return stream.append_acks(acks); },
             [this](std::optional<std::uint64_t> done) {
               if (!done) {
                 acks_.failed();
                 return append_acks();
               }
               ownership_.acks_stored(*done);
               for (const Ack& ack : acks_.stored()) {
                 Session* const session = find(ack.ack.client_id);
                 if (session == nullptr || session->serial != ack.serial) continue;
                 for (Delivery& delivery : session->window) {
                   if (delivery.number != ack.number) continue;
                   if (delivery.state == Delivery::State::received) {
                     delivery.state = Delivery::State::recorded;
                   }
                   release(*session, delivery);
                 }
               }
               append_acks();
               carry_out();
             });
}

void Node::release(Session& session, Delivery& delivery) {
  if (session.is_frozen || !holds_lease()) return;
  delivery.state = Delivery::State::released;
  reply(session, Packet::Type::pubrel, packet_id(delivery.number));
}

void Node::take_pubcomp(Session& session, unsigned id) {
  session.in_doubt.erase(id);
  std::erase_if(session.window, [&](const Delivery& delivery) {
    return delivery.state == Delivery::State::released && packet_id(delivery.number) == id;
  });
  send_more(session);
}

void Node::finish(Session& session, const Delivery& delivery) {
  if (delivery.sequence == 0) {
    session.finished_unresolved.insert(delivery.copy.number);
  } else {
    session.cursor.finish(delivery.sequence);
  }
  if (++session.changes >= 8) save(session);
}

void Node::resolve(Session& session, std::uint64_t number, cluster::Sequence sequence) {
  session.unresolved.erase(number);
  session.cursor.take(sequence);
  const auto give = [&](Delivery& delivery) {
    if (delivery.sequence == 0 && delivery.copy.run == member() && delivery.copy.number == number) {
      delivery.sequence = sequence;
      if (delivery.state == Delivery::State::received) record(session, delivery);
    }
  };
  std::ranges::for_each(session.queue, give);
  std::ranges::for_each(session.window, give);
  if (session.finished_unresolved.erase(number) > 0) session.cursor.finish(sequence);
}

void Node::tail(std::uint64_t number, const JetStream::Batch& batch) {
  if (number != tailed_ + 1) oracle_.fault("the tail of a node has a gap");
  tailed_ = number;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    std::uint64_t& highest = highest_[batch[i].run];
    if (batch[i].number <= highest && rules_.mutant != Mutant::many_batches) {
      oracle_.fault("the stream has a copy twice, or out of order");
    }
    highest = std::max(highest, batch[i].number);
    const cluster::Sequence sequence = cluster::sequence_of(number, i);
    for (auto& [id, session] : sessions_) tail_to(*session, batch[i], sequence);
    position_ = sequence;
  }
  position_ = cluster::sequence_of(number, cluster::batch_messages_max - 1);
  for (auto& [id, session] : sessions_) begin_at_once(*session);
  carry_out();
}

void Node::tail_to(Session& session, const Copy& copy, cluster::Sequence sequence) {
  if (copy.run == member()) {
    if (session.unresolved.contains(copy.number)) return resolve(session, copy.number, sequence);
    if (session.at_once.has(copy.number)) return;
  }
  if (!session.cursor.is_new(sequence)) return;
  const auto qos = qos_for(session, copy, sequence);
  if (!qos) return;
  Delivery delivery{.copy = copy, .sequence = sequence, .number = 0, .state = {}, .qos = *qos};
  if (!session.is_ready) {
    session.behind_gap.push_back(std::move(delivery));
    return;
  }
  session.cursor.take(sequence);
  enqueue(session, std::move(delivery));
}

// Sessions.

void Node::take_subscribe(Session& session, const Packet& packet) {
  const bool is_subscribe = packet.type == Packet::Type::subscribe;
  if (is_subscribe) {
    const auto [place, is_new] = session.subscriptions.try_emplace(
        packet.filter, Subscription{.since = position(), .qos = packet.qos});
    place->second.qos = packet.qos;
  } else {
    session.subscriptions.erase(packet.filter);
  }
  const std::uint64_t ticket = ++ticket_count_;
  tickets_[ticket] = {
      .connection = *session.connection,
      .packet = {.type = is_subscribe ? Packet::Type::suback : Packet::Type::unsuback,
                 .id = packet.id,
                 .qos = 0,
                 .filter = packet.filter,
                 .message = {}}};
  save(session, ticket);
  interest_.set(session.id, state_of(session).subscriptions);
}

State Node::state_of(Session& session) {
  State state;
  state.expiry_interval_seconds = 3600;
  for (const auto& [filter, subscription] : session.subscriptions) {
    state.subscriptions.push_back({.filter = filter,
                                   .since = subscription.since,
                                   .subscription_identifier = 0,
                                   .qos = static_cast<mqtt::Qos>(subscription.qos),
                                   .no_local = false,
                                   .retain_as_published = false});
  }
  if (session.is_ready) session.cursor.pass(position());
  state.cursor = session.cursor.cursor();
  state.done = session.cursor.done_ranges();
  state.numbers_from = session.next_number;
  for (const Delivery& delivery : session.window) {
    state.numbers_from = std::min(state.numbers_from, delivery.number);
  }
  for (const auto& [id, number] : session.in_doubt) {
    state.numbers_from = std::min(state.numbers_from, number);
  }
  state.numbers_reserved = session.next_number + numbers_ahead;
  return state;
}

void Node::save(Session& session, std::optional<std::uint64_t> ticket) {
  session.changes = 0;
  ownership_.save(session.id, state_of(session), ticket);
}

}  // namespace sim
