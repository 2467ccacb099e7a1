#include <algorithm>
#include <string>
#include <utility>

#include "broker/core/soundness.h"
#include "broker/core/text.h"
#include "broker/shard_state.h"

namespace broker {
namespace {

constexpr std::int64_t relaxed_interval_milliseconds = 500;
constexpr std::int64_t will_grace_seconds = 3;  // after the start

std::uint32_t number_at(mqtt::Bytes bytes, std::size_t size_bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size_bytes; ++i) {
    value |= std::to_integer<std::uint32_t>(bytes[i]) << (8 * i);
  }
  return value;
}

}  // namespace

void Shard::end_turn(Instant now) {
  state_->enter(now);
  state_->holdings.end_turn(state_->ledger.position());
  state_->let_go();
  state_->leave();
  state_->holdings.end_turn(state_->ledger.position());  // what had been put aside is part of it
}

std::optional<JournalBatch> Shard::take_journal(Instant now, bool hurry) {
  State& state = *state_;
  if (state.journal_out || !journal_pending()) return std::nullopt;
  if (state.options.durability == Durability::relaxed && !hurry && now < state.next_journal) {
    return std::nullopt;
  }
  state.next_journal = after_milliseconds(now, relaxed_interval_milliseconds);
  JournalBatch batch = state.ledger.take(state.sessions, state.retained);
  if (batch.size() == 0) {
    committed(batch.position, now);  // what happened has left no trace
    return std::nullopt;
  }
  state.journal_out = true;
  return batch;
}

void Shard::committed(std::uint64_t position, Instant now) {
  State& state = *state_;
  state.enter(now);
  state.journal_out = false;
  state.holdings.committed(position);
  state.forwards.committed(position);
  state.let_go();
  state.leave();
}

bool Shard::journal_pending() const noexcept {
  return state_->ledger.position() > state_->holdings.committed();
}

void Shard::State::let_go() {
  if (holdings.empty()) return;
  holdings.release([this](ConnectionId id) { return find(id); },
                   [this](ShardIndex peer, const ConfirmRequest& request) {
                     peers.send(peer, Confirmed{request});
                   });
}

ShardIndex Shard::keeper_of(std::string_view topic) const noexcept { return home_of(topic); }

bool Shard::State::stores_retained(std::string_view topic) const {
  return homes.of(topic) == options.index;
}

void Shard::State::note_retained(std::string_view topic) {
  if (!ledger.on() || mqtt::is_sys(topic) || !stores_retained(topic)) return;
  const Retained::Record* const record = retained.find(topic);
  ledger.retaining(topic, record == nullptr ? MessageRef{} : record->message);
}

void Shard::restore(const JournalBatch& batch, Instant now) {
  State& state = *state_;
  state.enter(now);
  if (!state.restoring) state.restoring = std::make_unique<State::Restoring>();
  // Deadlines count from a time that the wheel has seen.
  state.timers.advance(now, [&](Timer& timer) { state.fire(timer); });
  for (const auto& row : batch.sessions) state.restore_session(batch, row);
  for (const auto& row : batch.subscriptions) state.restore_subscription(batch, row);
  for (const auto& row : batch.messages) state.restore_message(batch, row);
  for (const auto& row : batch.deliveries) state.restore_delivery(batch, row);
  for (const auto& row : batch.incoming) state.restore_incoming(row);
  for (const auto& row : batch.forwards) state.restore_forward(batch, row);
  for (const auto& row : batch.retained) state.restore_retained(batch, row);
}

void Shard::restore(const SharedMessage& message) {
  State& state = *state_;
  if (!state.restoring) state.restoring = std::make_unique<State::Restoring>();
  if (!is_sound(message.view())) {
    ++state.restoring->unsound;
    return;
  }
  state.restoring->messages.add(message.key, MessageRef::adopt(message));
}

void Shard::restored(std::uint64_t last_key, Instant now) {
  State& state = *state_;
  state.enter(now);
  state.ledger.begin_above(last_key);
  if (!state.restoring) return;
  const std::unique_ptr<State::Restoring> restoring = std::move(state.restoring);
  restoring->messages = {};
  if (restoring->unsound > 0) {
    state.note(LogType::error, {std::to_string(restoring->unsound),
                                " stored rows are damaged and were left out (shard ",
                                std::to_string(static_cast<unsigned>(state.options.index)), ")."});
  }
  for (const auto& [key, returned] : restoring->sessions) {
    state.wake_up(state.sessions.at(returned.index), returned);
  }
  if (restoring->forwards.empty()) return;
  state.restoring = std::make_unique<State::Restoring>();
  state.restoring->forwards = std::move(restoring->forwards);
}

void Shard::finish_forwards(Instant now) {
  State& state = *state_;
  state.enter(now);
  if (!state.restoring) return;
  const std::unique_ptr<State::Restoring> restoring = std::move(state.restoring);
  for (const State::Returning& returning : restoring->forwards) state.finish_forward(returning);
}

void Shard::State::restore_forward(const JournalBatch& batch, const JournalBatch::Forward& row) {
  const MessageRef* const found = restoring->messages.find(row.message);
  if (found == nullptr) return;
  if (row.to >= row.shards || !is_sound_text(batch.text(row.share_name))) {
    ++restoring->unsound;
    return;
  }
  restoring->forwards.push_back({row,
                                 *found,
                                 std::string(batch.text(row.share_name)),
                                 std::string(batch.text(row.share_filter)),
                                 {std::string(batch.text(row.client_id)),
                                  std::string(batch.text(row.user_name)), row.listener}});
}

// Whoever was at home on that shard then.
void Shard::State::finish_forward(const Returning& returning) {
  const Homes homes_then(returning.row.home_key, returning.row.shards);
  const ShardIndex there{returning.row.to};
  const auto was_there = [&](std::string_view name) { return homes_then.of(name) == there; };
  Publication publication(returning.message->view(), now, 1);
  publication.kept = returning.message;
  publication.marked = true;
  if (!returning.share_name.empty()) {
    const auto group = groups.table().number(returning.share_name, returning.share_filter);
    if (group) groups.deliver(*group, publication);
    return;
  }
  const std::string_view topic = publication.view.topic;
  if (publication.view.retain && was_there(topic)) {
    std::shared_ptr<const Publisher> by;
    if (!returning.publisher.client_id.empty()) {
      by = std::make_shared<const Publisher>(returning.publisher);
    }
    retain(publication, {returning.row.retain_count, 0}, std::move(by));
  }
  const Route& route = router.route(topic);
  for (const Receiver& receiver : route.receivers) {
    if (was_there(receiver.session->client_id)) deliver(publication, route, receiver);
  }
  for (const std::uint32_t group : route.groups) {
    const Groups::Group& one = groups.table().at(group);
    if (homes_then.of_group(one.share_name, one.filter) == there) {
      groups.deliver(group, publication);
    }
  }
}

bool Shard::State::is_sound_session(const JournalBatch& batch, const JournalBatch::Session& row) {
  const std::string_view client_id = batch.text(row.client_id);
  const JournalBatch::Will& will = row.will;
  return !client_id.empty() && is_sound_text(client_id) && sessions.find(client_id) == nullptr &&
         is_sound_text(batch.text(row.user_name)) && is_sound_text(batch.text(row.mount_point)) &&
         row.version >= mqtt::Version::v3_1 && row.version <= mqtt::Version::v5_0 &&
         (will.topic.size_bytes == 0 ||
          is_sound({batch.text(will.topic), batch.data(will.payload), batch.data(will.properties),
                    will.qos, will.retain, std::nullopt}));
}

void Shard::State::restore_session(const JournalBatch& batch, const JournalBatch::Session& row) {
  if (!is_sound_session(batch, row)) {
    ++restoring->unsound;
    return;
  }
  Session& session = sessions.create(batch.text(row.client_id));
  commons.counts.sessions.fetch_add(1, std::memory_order_relaxed);
  session.key = row.key;
  session.user_name = HeapText(batch.text(row.user_name));
  session.mount_point = HeapText(batch.text(row.mount_point));
  session.listener = row.listener < options.listeners.size() ? row.listener : std::uint16_t{0};
  session.version = row.version;
  session.from_bridge = row.from_bridge;
  session.expiry_interval_seconds = row.expiry_interval_seconds;
  if (options.authority != nullptr) {
    session.permissions =
        options.authority->permissions_of(session.listener, batch.text(row.user_name));
  }
  Away& away = away_part(session);
  if (row.expires) {
    timers.arm(away.expiry, *row.expires);
  } else if (session.expiry_interval_seconds != session_never_expires) {
    timers.arm(away.expiry, after_seconds(now, session.expiry_interval_seconds));
  }
  restore_will(session, batch, row.will);
  restoring->sessions.add(row.key, {session.index, row.sent_end, row.connected});
}

void Shard::State::restore_will(Session& session, const JournalBatch& batch,
                                const JournalBatch::Will& row) {
  if (row.topic.size_bytes == 0) return;
  session.will = std::make_unique<StoredWill>();
  session.will->message =
      MessageRef::copy_of({batch.text(row.topic), batch.data(row.payload),
                           batch.data(row.properties), row.qos, row.retain, std::nullopt});
  session.will->delay_interval_seconds = row.delay_interval_seconds;
  session.will->has_expiry = row.message_expiry_interval_seconds.has_value();
  session.will->message_expiry_interval_seconds = row.message_expiry_interval_seconds.value_or(0);
  // A client that was connected when the broker ended has lost its connection now. It could not
  // come back while no listener was open, so it is given a moment to do so, whatever its delay.
  const Instant due = row.due.value_or(after_seconds(now, row.delay_interval_seconds));
  timers.arm(session.away->will_delay, std::max(due, after_seconds(now, will_grace_seconds)));
}

void Shard::State::restore_subscription(const JournalBatch& batch,
                                        const JournalBatch::Subscription& row) {
  const auto* const returned = restoring->sessions.find(row.session);
  if (returned == nullptr) return;
  if (!is_sound_filter(batch.text(row.filter)) || !is_sound_text(batch.text(row.share_name)) ||
      row.qos > mqtt::Qos::exactly_once ||
      row.subscription_identifier > mqtt::variable_byte_integer_max) {
    ++restoring->unsound;
    return;
  }
  Session& session = sessions.at(returned->index);
  const Ledger::Options terms{row.subscription_identifier, row.qos, row.no_local,
                              row.retain_as_published};
  if (row.share_name.size_bytes != 0) {
    return join_group(session, batch.text(row.share_name), batch.text(row.filter), terms);
  }
  Subscriber subscriber;
  subscriber.index = static_cast<std::uint32_t>(session.index);
  subscriber.subscription_identifier = row.subscription_identifier;
  subscriber.qos = row.qos;
  subscriber.no_local = row.no_local;
  subscriber.retain_as_published = row.retain_as_published;
  add_subscription(session, batch.text(row.filter), subscriber);
}

void Shard::State::restore_message(const JournalBatch& batch, const JournalBatch::Message& row) {
  const MessageView view{batch.text(row.topic),
                         batch.data(row.payload),
                         batch.data(row.properties),
                         row.qos,
                         row.retain,
                         row.expires};
  if (!is_sound(view)) {
    ++restoring->unsound;
    return;
  }
  MessageRef message = MessageRef::copy_of(view, true);
  *message->mark() = {row.key, 0, row.shared};
  restoring->messages.add(row.key, std::move(message));
}

void Shard::State::restore_delivery(const JournalBatch& batch, const JournalBatch::Delivery& row) {
  const auto* const returned = restoring->sessions.find(row.name.session);
  if (returned == nullptr) return;
  Session& session = sessions.at(returned->index);
  if (row.qos > mqtt::Qos::exactly_once ||
      !session.outgoing_part().may_restore(row.name.number, row.released) ||
      (row.share_name.size_bytes != 0 && !is_sound_filter(batch.text(row.share_filter)))) {
    ++restoring->unsound;
    return;
  }
  Delivery delivery;
  if (!row.released) {
    const MessageRef* const message = restoring->messages.find(row.message);
    if (message == nullptr) return;
    delivery.message = *message;
    Ledger::refers(delivery.message);
  }
  std::vector<std::uint32_t> ids;
  mqtt::Bytes bytes = batch.data(row.subscription_identifiers);
  for (; bytes.size() >= sizeof(std::uint32_t); bytes = bytes.subspan(sizeof(std::uint32_t))) {
    const std::uint32_t id = number_at(bytes, sizeof(std::uint32_t));
    if (id != 0 && id <= mqtt::variable_byte_integer_max) ids.push_back(id);
  }
  delivery.subscription_identifiers = IdentifierList(ids);
  delivery.qos = row.qos;
  delivery.retain = row.retain;
  if (row.share_name.size_bytes != 0) {
    delivery.membership = SharedSubscriptions::membership_of(session, batch.text(row.share_name),
                                                             batch.text(row.share_filter));
  }
  session.outgoing_part().restore(row.name.number, std::move(delivery), row.released);
}

void Shard::State::restore_incoming(const JournalBatch::Incoming& row) {
  const auto* const returned = restoring->sessions.find(row.session);
  if (returned == nullptr) return;
  Session& session = sessions.at(returned->index);
  if (row.packet_id == mqtt::PacketId{0}) {
    ++restoring->unsound;
    return;
  }
  if (!session.incoming) session.incoming = std::make_unique<IncomingIds>();
  session.incoming->restore(row.packet_id);
}

void Shard::State::restore_retained(const JournalBatch& batch, const JournalBatch::Retained& row) {
  MessageRef* const found = restoring->messages.find(row.message);
  if (found == nullptr || !*found) return;
  const std::string_view topic = batch.text(row.topic);
  if (topic != (*found)->topic() || (*found)->payload().empty()) {
    ++restoring->unsound;
    return;
  }
  // What is retained comes last, and once for each message: nobody will look it up again.
  MessageRef message = std::move(*found);
  const bool stores = stores_retained(topic);
  if (stores) Ledger::refers(message);
  // No client may publish there; an earlier version let wills and PUBLISH through.
  if (message->expired(now) || mqtt::is_reserved(topic)) {
    if (stores) ledger.retaining(topic, message);
    return;
  }
  retained.store(std::move(message), RetainStamp{}, restored_publisher(batch, row));
}

std::shared_ptr<const Publisher> Shard::State::restored_publisher(
    const JournalBatch& batch, const JournalBatch::Retained& row) {
  if (row.client_id.size_bytes == 0) return nullptr;
  std::string name(batch.text(row.client_id));
  name += '\0';  // in no client id and no user name
  name += batch.text(row.user_name);
  name += '\0';
  name += std::to_string(row.listener);
  std::shared_ptr<const Publisher>& by = restoring->publishers[std::move(name)];
  if (!by) {
    by = std::make_shared<const Publisher>(Publisher{std::string(batch.text(row.client_id)),
                                                     std::string(batch.text(row.user_name)),
                                                     row.listener});
  }
  return by;
}

void Shard::State::wake_up(Session& session, const Restoring::Returned& returned) {
  // It is away now, whatever comes for it.
  if (returned.was_connected) ledger.changed(session, Ledger::session_row);
  if (!session.outgoing) return;
  // Of a client that was connected nobody knows how much it was sent: all that it may have been.
  const std::size_t most = options.limits.max_inflight_messages == 0
                               ? Outgoing::span_max
                               : options.limits.max_inflight_messages;
  session.outgoing->restored(returned.sent_end, returned.was_connected ? most : 0);
}

}  // namespace broker
