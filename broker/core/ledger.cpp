#include "broker/core/ledger.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace broker {
namespace {

void put_number(mqtt::ByteBuffer& bytes, std::uint32_t value, std::size_t size_bytes) {
  for (std::size_t i = 0; i < size_bytes; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i) & 0xFFU));
  }
}

JournalBatch::Will will_of(const Session& session, JournalBatch& batch) {
  JournalBatch::Will will;
  if (!session.will) return will;
  const StoredWill& stored = *session.will;
  const Message& message = *stored.message;
  will.topic = batch.put(message.topic());
  will.properties = batch.put(message.properties());
  will.payload = batch.put(message.payload());
  will.qos = message.qos();
  will.retain = message.retain();
  will.delay_interval_seconds = stored.delay_interval_seconds;
  if (stored.has_expiry) {
    will.message_expiry_interval_seconds = stored.message_expiry_interval_seconds;
  }
  if (session.away && session.away->will_delay.armed()) {
    will.due = session.away->will_delay.deadline();
  }
  return will;
}

}  // namespace

void Ledger::begin_above(std::uint64_t last_key) {
  // The next multiple, so that each shard goes on with keys of its own.
  const std::uint64_t base = (last_key / stride_ + 1) * stride_;
  last_session_ += base;
  last_message_ += base;
}

void Ledger::changed(Session& session, Part part) {
  if (!keeps(session)) return;
  ++position_;
  if (session.unstored == 0) changed_.push_back({session.index, session.number});
  session.unstored |= part;
  if (session.key == SessionKey{0}) {
    session.key = SessionKey{last_session_ += stride_};
    session.unstored |= session_row;
  }
}

void Ledger::finished(Session& session, const Window::Done& done) {
  if (session.key == SessionKey{0} || !session.outgoing->stored(done.number)) return;
  ++position_;
  next_.finished.push_back({session.key, done.number});
  if (done.message) release(done.message);
}

void Ledger::released(Session& session, std::uint64_t number, const MessageRef& message) {
  if (session.key == SessionKey{0}) return;
  if (!session.outgoing->stored(number)) return changed(session, session_deliveries);
  ++position_;
  next_.released.push_back({session.key, number});
  if (message) release(message);
}

void Ledger::subscribed(Session& session, std::string_view share_name, std::string_view filter,
                        const Options& options) {
  if (!keeps(session)) return;
  if (session.key == SessionKey{0}) changed(session, session_row);
  ++position_;
  next_.subscriptions.push_back({session.key, next_.put(share_name), next_.put(filter), true,
                                 options.subscription_identifier, options.qos, options.no_local,
                                 options.retain_as_published});
}

void Ledger::unsubscribed(Session& session, std::string_view share_name, std::string_view filter) {
  if (session.key == SessionKey{0}) return;
  ++position_;
  JournalBatch::Subscription gone;
  gone.session = session.key;
  gone.share_name = next_.put(share_name);
  gone.filter = next_.put(filter);
  next_.subscriptions.push_back(gone);
}

void Ledger::ended(Session& session) {
  if (session.key == SessionKey{0}) return;
  ++position_;
  if (session.outgoing) {
    session.outgoing->for_each_stored([this](std::uint64_t /*number*/, const Delivery& delivery) {
      if (delivery.message) release(delivery.message);
    });
    session.outgoing->unstore();
  }
  next_.ended_sessions.push_back(session.key);
  session.key = SessionKey{0};
}

ForwardKey Ledger::forwarding(const MessageRef& message, JournalBatch::Forward row,
                              const ForwardTexts& texts) {
  ++position_;
  row.message = refer(message, next_);
  row.key = ForwardKey{static_cast<std::uint64_t>(new_message_key())};
  row.share_name = next_.put(texts.share_name);
  row.share_filter = next_.put(texts.share_filter);
  row.client_id = next_.put(texts.client_id);
  row.user_name = next_.put(texts.user_name);
  next_.forwards.push_back(row);
  return row.key;
}

void Ledger::arrived(ForwardKey forward) {
  ++position_;
  next_.arrived.push_back(forward);
}

void Ledger::forwarded(const MessageRef& message) {
  ++position_;
  release(message);
}

void Ledger::retaining(std::string_view topic, const MessageRef& before) {
  ++position_;
  retained_.try_emplace(std::string(topic), before);
}

MessageKey Ledger::refer(const MessageRef& message, JournalBatch& batch) {
  assert(message->mark() != nullptr);  // a journal is kept
  StoreMark& mark = *message->mark();
  if (mark.key == MessageKey{0}) mark.key = new_message_key();
  if (mark.references++ == 0 || !is_given(mark)) put_message(message, batch);
  return mark.key;
}

void Ledger::put_message(const MessageRef& message, JournalBatch& batch) {
  assert(message->mark() != nullptr && message->mark()->key != MessageKey{0});
  StoreMark& mark = *message->mark();
  mark.renewal = renewal_;
  batch.messages.push_back({mark.key, mark.shared, message->qos(), message->retain(),
                            message->expires(), batch.put(message->topic()),
                            batch.put(message->properties()), batch.put(message->payload())});
}

// The walk finds the changes that were noted before. No batch refers to them: the last one that was
// taken is lost with the store.
void Ledger::begin_renewal(SessionTable& sessions, const Retained& retained) {
  [[maybe_unused]] const JournalBatch noted = take(sessions, retained);
  renewal_ = (renewal_ + 1) & 0x7FFF'FFFFU;
  renewed_sessions_end_ = last_session_;
}

void Ledger::rewrite(const MessageRef& message, JournalBatch& batch) {
  assert(message->mark() != nullptr && message->mark()->references > 0);
  if (!is_given(*message->mark())) put_message(message, batch);
}

void Ledger::rewrite(Session& session, JournalBatch& batch) {
  assert(is_renewed(session));
  batch.sessions.push_back(row_of(session, batch));
  if (session.incoming) session.incoming->unstore();
  write_incoming(session, batch);
}

std::optional<std::uint64_t> Ledger::rewrite_deliveries(Session& session, std::uint64_t begin,
                                                        JournalBatch& batch) {
  if (!session.outgoing) return std::nullopt;
  return session.outgoing->walk_stored(begin, [&](std::uint64_t number, const Delivery& delivery) {
    // Of a delivery that was released, the message is gone.
    JournalBatch::Delivery row = row_of(session, number, delivery, batch);
    row.released = !delivery.message;
    if (delivery.message) {
      rewrite(delivery.message, batch);
      row.message = delivery.message->mark()->key;
    }
    batch.deliveries.push_back(row);
    return !batch.is_portion();
  });
}

void Ledger::rewrite(const Retained::Record& record, JournalBatch& batch) {
  rewrite(record.message, batch);
  JournalBatch::Retained row = row_of(record, batch);
  row.topic = batch.put(record.message->topic());
  row.message = record.message->mark()->key;
  batch.retained.push_back(row);
}

void Ledger::release(const MessageRef& message) {
  assert(message->mark() != nullptr && message->mark()->references > 0);
  StoreMark& mark = *message->mark();
  if (--mark.references > 0) return;
  if (is_given(mark)) next_.dropped_messages.push_back(mark.key);
  // Should it be stored once more, then as another row: this one goes with the next batch.
  if (!mark.shared) mark.key = MessageKey{0};
}

JournalBatch Ledger::take(SessionTable& sessions, const Retained& retained) {
  JournalBatch batch = std::exchange(next_, {});
  for (const Changed& changed : std::exchange(changed_, {})) {
    Session* const session = sessions.at(changed.index, changed.number);
    if (session == nullptr) continue;
    const std::uint8_t parts = std::exchange(session->unstored, std::uint8_t{0});
    if (session->key == SessionKey{0}) continue;
    if ((parts & session_row) != 0) batch.sessions.push_back(row_of(*session, batch));
    if ((parts & session_deliveries) != 0 && session->outgoing) write_deliveries(*session, batch);
    if ((parts & session_incoming) != 0) write_incoming(*session, batch);
  }
  write_retained(retained, batch);
  // Messages that no retained topic refers to any more were noted while the batch was made.
  batch.dropped_messages.insert(batch.dropped_messages.end(), next_.dropped_messages.begin(),
                                next_.dropped_messages.end());
  next_.dropped_messages.clear();
  batch.position = position_;
  return batch;
}

JournalBatch::Session Ledger::row_of(const Session& session, JournalBatch& batch) {
  JournalBatch::Session row;
  row.key = session.key;
  row.client_id = batch.put(session.client_id);
  row.user_name = batch.put(session.user_name);
  row.mount_point = batch.put(session.mount_point);
  row.listener = session.listener;
  row.version = session.version;
  row.from_bridge = session.from_bridge;
  row.connected = session.connection != nullptr;
  row.expiry_interval_seconds = session.expiry_interval_seconds;
  if (session.away && session.away->expiry.armed()) row.expires = session.away->expiry.deadline();
  row.sent_end = session.outgoing ? session.outgoing->window().end() : 0;
  row.will = will_of(session, batch);
  return row;
}

void Ledger::write_deliveries(Session& session, JournalBatch& batch) {
  assert(session.key != SessionKey{0});
  session.outgoing->store([&](std::uint64_t number, const Delivery& delivery, bool released) {
    JournalBatch::Delivery row = row_of(session, number, delivery, batch);
    if (delivery.message) row.message = refer(delivery.message, batch);
    row.released = released;
    batch.deliveries.push_back(row);
  });
}

JournalBatch::Delivery Ledger::row_of(const Session& session, std::uint64_t number,
                                      const Delivery& delivery, JournalBatch& batch) {
  JournalBatch::Delivery row;
  row.name = {session.key, number};
  row.qos = delivery.qos;
  row.retain = delivery.retain;
  const std::size_t before = batch.bytes.size();
  for (const std::uint32_t id : delivery.subscription_identifiers.view()) {
    put_number(batch.bytes, id, sizeof id);
  }
  row.subscription_identifiers = {before, batch.bytes.size() - before};
  if (delivery.membership != 0) {
    assert(session.memberships);
    const Membership& membership = session.memberships->at(delivery.membership);
    row.share_name = batch.put(membership.share_name);
    row.share_filter = batch.put(membership.filter);
  }
  return row;
}

// The new row of a delivery takes over the reference of the old one.
void Ledger::renumber_backlog(Session& session) {
  const bool kept = session.key != SessionKey{0};
  if (kept) {
    ++position_;
    write_deliveries(session, next_);
  }
  session.outgoing->renumber_backlog(
      [&](std::uint64_t old_number, std::uint64_t number, const Delivery& delivery) {
        if (!kept) return;
        JournalBatch::Delivery row = row_of(session, number, delivery, next_);
        row.message = delivery.message->mark()->key;
        next_.deliveries.push_back(row);
        next_.finished.push_back({session.key, old_number});
      });
}

void Ledger::write_incoming(Session& session, JournalBatch& batch) {
  if (!session.incoming) return;
  session.incoming->store([&](mqtt::PacketId id, bool present) {
    batch.incoming.push_back({session.key, id, present});
  });
}

void Ledger::write_retained(const Retained& retained, JournalBatch& batch) {
  for (const auto& [topic, before] : std::exchange(retained_, {})) {
    const Retained::Record* const record = retained.find(topic);
    if (record == nullptr && !before) continue;  // came and went
    JournalBatch::Retained row;
    if (record != nullptr) {
      row = row_of(*record, batch);
      row.message = refer(record->message, batch);
    }
    row.topic = batch.put(topic);
    batch.retained.push_back(row);
    if (before) release(before);
  }
}

JournalBatch::Retained Ledger::row_of(const Retained::Record& record, JournalBatch& batch) {
  JournalBatch::Retained row;
  if (const Publisher* const publisher = record.publisher.get()) {
    row.client_id = batch.put(publisher->client_id);
    row.user_name = batch.put(publisher->user_name);
    row.listener = publisher->listener;
  }
  return row;
}

}  // namespace broker
