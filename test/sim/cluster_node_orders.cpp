#include <utility>
#include <variant>

#include "broker/cluster/member_record.h"
#include "test/sim/cluster_node.h"

namespace sim {
namespace {

std::string key_of(cluster::MemberId member) {
  return "m" + std::to_string(static_cast<std::uint64_t>(member));
}

template <typename Record>
std::string bytes_of(const Record& record) {
  mqtt::ByteBuffer out;
  encode(record, out);
  return std::string(mqtt::as_text(out.view()));
}

}  // namespace

void Node::carry_out() {
  hand_over_drained();
  for (auto orders = ownership_.take_orders(); !orders.empty(); orders = ownership_.take_orders()) {
    for (const cluster::OwnershipOrder& order : orders) {
      std::visit([this](const auto& one) { carry(one); }, order);
    }
    hand_over_drained();
  }
  pass_barrier();
}

void Node::pass_barrier() {
  for (const cluster::Barrier::Ticket number : barrier_.passed(members_)) {
    const auto ticket = tickets_.extract(number);
    host_.reply(ticket.mapped().connection, ticket.mapped().packet);
  }
}

void Node::write_member(const cluster::WriteMember& order) {
  if (order.member != member()) {
    host_.call(
        [order, &oracle = oracle_](JetStream& stream) -> std::uint64_t {
          const auto revision =
              stream.put(key_of(order.member), bytes_of(order.record), order.expected);
          if (revision) oracle.died(order.member);
          return 0;
        },
        [](std::optional<std::uint64_t>) {});
    return;
  }
  host_.call(
      [order](JetStream& stream) {
        return stream.put(key_of(order.member), bytes_of(order.record), order.expected).value_or(0);
      },
      [this](std::optional<std::uint64_t> done) {
        if (!done) {
          members_.beat_unknown();
        } else if (*done == 0) {
          members_.beat_refused();
        } else {
          members_.beat_written(*done);
        }
      });
}

void Node::carry(const cluster::ReadSession& order) {
  const auto found = std::make_shared<std::optional<JetStream::Change>>();
  const std::size_t late = host_.random().chance(200) ? host_.random().pick(8) : 0;
  host_.call(
      [found, late, key = "s" + order.client_id](JetStream& stream) -> std::uint64_t {
        *found = stream.get(key, late);
        return 1;
      },
      [this, found, order](std::optional<std::uint64_t> done) {
        if (!done) {
          ownership_.read_failed(order.client_id, order.request, host_.now());
        } else if (!*found) {
          ownership_.record_read(order.client_id, order.request, {}, 0, host_.now());
        } else {
          const auto record = cluster::decode_session_record(mqtt::as_bytes((*found)->value));
          ownership_.record_read(order.client_id, order.request, record.value(), (*found)->revision,
                                 host_.now());
        }
        carry_out();
      });
}

void Node::carry(const cluster::WriteSession& order) {
  host_.call(
      [order, &oracle = oracle_](JetStream& stream) {
        const auto revision =
            stream.put("s" + order.client_id, bytes_of(order.record), order.expected);
        if (revision) oracle.holds(order.client_id, order.record.holder);
        return revision.value_or(0);
      },
      [this, id = order.client_id, request = order.request](std::optional<std::uint64_t> done) {
        if (done.value_or(0) == 0) {
          ownership_.record_not_written(id, request);
        } else {
          ownership_.record_written(id, request, *done, host_.now());
        }
        carry_out();
      });
}

void Node::carry(const cluster::AskHolder& order) {
  host_.tell(order.holder, [order, asker = member()](Node& holder) {
    holder.ownership_.asked(order.client_id, order.epoch, asker);
    holder.carry_out();
  });
}

void Node::carry(const cluster::AnswerAsker& order) {
  host_.tell(order.asker, [order](Node& asker) {
    asker.ownership_.holder_answered(order.client_id, order.epoch, order.image, asker.host_.now());
    asker.carry_out();
  });
}

void Node::carry(const cluster::ReadAcks& order) {
  const auto found = std::make_shared<std::vector<cluster::StoredAck>>();
  const std::size_t late =
      rules_.mutant == Mutant::late_acks ? host_.random().pick(20) : std::size_t{0};
  host_.call(
      [found, late, order](JetStream& stream) {
        // The mark: a reader that sees it has seen all before it.
        const std::uint64_t mark = stream.append_acks({});
        *found = stream.acks(order.member, order.from, late);
        return mark;
      },
      [this, found, order](std::optional<std::uint64_t> done) {
        if (done) {
          ownership_.acks_read(order.member, *found, host_.now());
        } else {
          ownership_.acks_failed(order.member, host_.now());
        }
        carry_out();
      });
}

void Node::carry(const cluster::BeginSession& order) {
  oracle_.began(order.client_id, order.epoch);
  auto made = std::make_unique<Session>();
  if (order.image) {
    *made = std::any_cast<const Session&>(images_.at(std::stoul(*order.image)));
    made->at_once = {};
    made->is_frozen = false;
  } else {
    for (const auto& one : order.state.subscriptions) {
      made->subscriptions[one.filter] = {.since = one.since, .qos = static_cast<unsigned>(one.qos)};
    }
    made->cursor = cluster::Cursor(order.state.cursor, order.state.done);
    made->next_number = order.next_number;
    for (std::uint64_t number = order.state.numbers_from; number < order.next_number; ++number) {
      made->in_doubt[packet_id(number)] = number;
    }
    if (rules_.mutant == Mutant::reused_numbers) {
      made->next_number = order.state.numbers_from;
      made->in_doubt.clear();
    }
  }
  made->id = order.client_id;
  made->epoch = order.epoch;
  made->serial = ++serials_;
  made->reserved = order.state.numbers_reserved;
  made->is_reserving = false;
  made->is_ready = false;
  made->arrives = take_waiting(order.client_id);
  Session& session = *(sessions_[order.client_id] = std::move(made));
  for (Delivery& delivery : session.window) {
    if (delivery.state == Delivery::State::received) record(session, delivery);
  }
  if (session.cursor.position() >= position()) return gap_read(session, {}, 0);
  read_gap(session);
}

void Node::read_gap(const Session& session) {
  const auto found = std::make_shared<std::vector<Delivery>>();
  const cluster::Sequence from = session.cursor.position();
  const cluster::Sequence through = position();
  host_.call(
      [found, from, through](JetStream& stream) -> std::uint64_t {
        for (std::size_t batch = 0; batch < stream.batches().size(); ++batch) {
          for (std::size_t i = 0; i < stream.batches()[batch].size(); ++i) {
            const cluster::Sequence sequence = cluster::sequence_of(batch + 1, i);
            if (sequence <= from || sequence > through) continue;
            found->push_back({.copy = stream.batches()[batch][i],
                              .sequence = sequence,
                              .number = 0,
                              .state = {},
                              .qos = 0});
          }
        }
        return 1;
      },
      [this, found, through, id = session.id,
       serial = session.serial](std::optional<std::uint64_t> done) {
        Session* const reader = find(id);
        if (reader == nullptr || reader->serial != serial) return;
        if (!done) {
          // From the stream's end at this time: it is longer now.
          reader->behind_gap.clear();
          return read_gap(*reader);
        }
        gap_read(*reader, *found, through);
        carry_out();
      });
}

void Node::gap_read(Session& session, const std::vector<Delivery>& found,
                    cluster::Sequence through) {
  for (Delivery delivery : found) {
    const auto qos = qos_for(session, delivery.copy, delivery.sequence);
    if (!qos || !session.cursor.is_new(delivery.sequence)) continue;
    delivery.qos = *qos;
    session.cursor.take(delivery.sequence);
    session.queue.push_back(std::move(delivery));
  }
  session.cursor.pass(through);
  for (Delivery& delivery : std::exchange(session.behind_gap, {})) {
    if (!session.cursor.is_new(delivery.sequence)) continue;
    session.cursor.take(delivery.sequence);
    session.queue.push_back(std::move(delivery));
  }
  session.is_ready = true;
  begin_at_once(session);
  const auto arrives = std::exchange(session.arrives, {});
  if (!arrives || session.is_frozen) return;
  if (may_serve()) return connected(session, *arrives);
  // The lease ended meanwhile: the client waits as if it came now.
  if (!waiting_.try_emplace(session.id, *arrives).second) return host_.close(*arrives);
  ownership_.connect(session.id, 3600, host_.now());
}

/// Messages of this node's clients go to the session when they are published, from when the stream
/// has shown all before: otherwise they would overtake these.
void Node::begin_at_once(Session& session) {
  const bool is_current = publishes_.empty() && highest_[member()] >= last_appended_;
  if (is_current && session.is_ready && !session.is_frozen && session.at_once.first == UINT64_MAX) {
    session.at_once.first = own_number_ + 1;
  }
}

/// The client that waits for the session gets it.
std::optional<ConnectionName> Node::take_waiting(const std::string& id) {
  const auto waits = waiting_.extract(id);
  if (waits.empty()) return std::nullopt;
  return waits.mapped();
}

void Node::carry(const cluster::ResumeSession& order) {
  Session* const session = find(order.client_id);
  const auto connection = take_waiting(order.client_id);
  if (session == nullptr || !connection) return;
  if (session->is_ready) return connected(*session, *connection);
  if (session->arrives) host_.close(*session->arrives);
  session->arrives = connection;
}

/// The client is told, and nothing more is taken from it.
void Node::cut_off(Session& session) {
  if (session.connection) host_.close(*session.connection);
  if (session.arrives) host_.close(*session.arrives);
  session.connection.reset();
  session.arrives.reset();
  session.unread.clear();
}

void Node::carry(const cluster::FreezeSession& order) {
  Session* const session = find(order.client_id);
  if (session == nullptr) return;
  session->is_frozen = true;
  session->at_once.last = own_number_;
  cut_off(*session);
}

void Node::hand_over_drained() {
  std::vector<std::string> drained;
  for (const auto& [id, session] : sessions_) {
    if (!session->is_frozen || !session->is_ready) continue;
    const bool is_drained = session->unresolved.empty() && session->publishes_on_way == 0;
    if (is_drained || rules_.mutant == Mutant::early_image) drained.push_back(id);
  }
  for (const std::string& id : drained) {
    const auto session = std::move(sessions_.extract(id).mapped());
    const cluster::SessionState state = state_of(*session);
    images_.emplace_back(*session);
    ownership_.frozen(id, {.state = state, .bytes = std::to_string(images_.size() - 1)},
                      host_.now());
  }
}

void Node::carry(const cluster::ForgetSession& order) {
  Session* const session = find(order.client_id);
  if (session == nullptr) return;
  cut_off(*session);
  sessions_.erase(order.client_id);
}

void Node::carry(const cluster::RefuseConnect& order) {
  if (const auto connection = take_waiting(order.client_id)) host_.close(*connection);
}

void Node::carry(const cluster::StateSaved& order) {
  if (Session* const session = find(order.client_id); session != nullptr) {
    session->reserved = std::max(session->reserved, order.numbers_reserved);
    session->is_reserving = false;
    send_more(*session);
  }
  for (const std::uint64_t number : order.tickets) {
    const bool waits = tickets_[number].packet.type == Packet::Type::suback;
    if (waits && rules_.mutant != Mutant::no_barrier) {
      barrier_.wait(number, order.revision);
    } else {
      const auto ticket = tickets_.extract(number);
      host_.reply(ticket.mapped().connection, ticket.mapped().packet);
    }
  }
}

void Node::show(const JetStream::Shown& shown) {
  for (const JetStream::Change& change : shown.changes) {
    if (change.key.front() == 'm') {
      const auto record = cluster::decode_member_record(mqtt::as_bytes(change.value));
      members_.member_seen(cluster::MemberId{std::stoull(change.key.substr(1))}, record.value(),
                           change.revision, host_.now());
      continue;
    }
    has_news_ = true;
    const std::string id = change.key.substr(1);
    const auto record = cluster::decode_session_record(mqtt::as_bytes(change.value));
    interest_.set(id, record.value().state.subscriptions);
    ownership_.record_seen(id, record.value(), host_.now());
  }
  shown_ = shown.through;
  if (shown.nothing_pending || rules_.mutant == Mutant::late_watch) {
    members_.watch_reached(shown.through);
    if (std::exchange(has_news_, false)) {
      host_.tell_all([self = member(), revision = members_.watched()](Node& other) {
        other.members_.member_has_seen(self, revision);
        other.carry_out();
      });
    }
  }
  ownership_.members_changed(host_.now());
  carry_out();
}

}  // namespace sim
