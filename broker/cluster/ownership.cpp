#include "broker/cluster/ownership.h"

#include <algorithm>
#include <utility>

#include "broker/cluster/cursor.h"

namespace cluster {

Ownership::Ownership(Options options, const Membership& members)
    : options_(options), members_(members), flapping_(options.flapping) {}

std::vector<OwnershipOrder> Ownership::take_orders() { return std::exchange(orders_, {}); }

Ownership::Session* Ownership::find(const std::string& client_id,
                                    std::optional<std::uint64_t> answer_to) {
  const auto found = sessions_.find(client_id);
  if (found == sessions_.end()) return nullptr;
  if (!answer_to) return &found->second;
  if (found->second.request != *answer_to) return nullptr;
  found->second.request = 0;
  return &found->second;
}

void Ownership::connect(const std::string& client_id, std::uint32_t expiry_interval_seconds,
                        broker::Instant now) {
  const auto [place, is_new] = sessions_.try_emplace(client_id);
  Session& session = place->second;
  session.connect_waits = true;
  session.expiry_interval_seconds = expiry_interval_seconds;
  if (is_new || session.state == State::frozen) return start(client_id, session, now);
  if (session.state == State::owned) resume(client_id, session, now);
}

/// The client of a session that is served here is back.
void Ownership::resume(const std::string& client_id, Session& session, broker::Instant now) {
  if (!members_.holds_lease(now)) {
    moving_.insert(client_id);
    return;
  }
  session.connect_waits = false;
  orders_.emplace_back(ResumeSession{.client_id = client_id});
}

void Ownership::start(const std::string& client_id, Session& session, broker::Instant now) {
  moving_.insert(client_id);
  const std::int64_t delay = flapping_.delay(client_id, now);
  session.state = State::waiting;
  session.due = broker::after_milliseconds(now, delay);
  if (delay == 0) {
    session.state = State::reading;
    read(client_id, session);
  }
}

void Ownership::read(const std::string& client_id, Session& session) {
  session.reads_again = false;
  session.request = ++requests_;
  orders_.emplace_back(ReadSession{.client_id = client_id, .request = session.request});
}

void Ownership::write(const std::string& client_id, Session& session) {
  session.request = ++requests_;
  orders_.emplace_back(WriteSession{.client_id = client_id,
                                    .request = session.request,
                                    .record = session.record,
                                    .expected = session.revision});
}

void Ownership::read_failed(const std::string& client_id, std::uint64_t request,
                            broker::Instant now) {
  Session* const session = find(client_id, request);
  if (session == nullptr) return;
  session->reads_again = true;
  session->due = broker::after_milliseconds(now, options_.retry_milliseconds);
  moving_.insert(client_id);
}

void Ownership::record_read(const std::string& client_id, std::uint64_t request,
                            const std::optional<SessionRecord>& record, Revision revision,
                            broker::Instant now) {
  Session* const session = find(client_id, request);
  if (session == nullptr) return;
  const bool is_own_claim = session->state == State::claiming && record &&
                            record->owner == members_.self() &&
                            record->epoch == session->record.epoch;
  if (is_own_claim) return claimed(client_id, *session, revision, now);
  if (session->state == State::reading || session->state == State::claiming) {
    return claim(client_id, *session, record, revision);
  }
  if (session->state != State::settling && session->state != State::owned) return;
  check(client_id, *session, record.value_or(SessionRecord{}), revision, now);
}

/// A write had no answer, or was refused; this is the record now, or a while ago.
void Ownership::check(const std::string& client_id, Session& session, const SessionRecord& record,
                      Revision revision, broker::Instant now) {
  if (record == session.record) {
    if (session.state == State::settling) return settled(client_id, session, revision, now);
    return saved(client_id, session, revision);
  }
  const bool is_others = record.epoch == session.record.epoch && record.owner != members_.self();
  if (record.epoch > session.record.epoch || is_others)
    return superseded(client_id, session, record, now);
  if (record.epoch < session.record.epoch || revision < session.revision) {
    // A late copy.
    session.reads_again = true;
    session.due = broker::after_milliseconds(now, options_.retry_milliseconds);
    moving_.insert(client_id);
    return;
  }
  session.revision = revision;
  write(client_id, session);
}

void Ownership::claim(const std::string& client_id, Session& session,
                      const std::optional<SessionRecord>& record, Revision revision) {
  session.state = State::claiming;
  session.record = record.value_or(SessionRecord{});
  ++session.record.epoch;
  session.record.owner = members_.self();
  session.record.state.expiry_interval_seconds = session.expiry_interval_seconds;
  session.revision = revision;
  write(client_id, session);
}

void Ownership::record_not_written(const std::string& client_id, std::uint64_t request) {
  Session* const session = find(client_id, request);
  if (session == nullptr) return;
  const State state = session->state;
  if (state == State::claiming || state == State::settling || state == State::owned) {
    read(client_id, *session);
  }
}

void Ownership::record_written(const std::string& client_id, std::uint64_t request,
                               Revision revision, broker::Instant now) {
  Session* const session = find(client_id, request);
  if (session == nullptr) return;
  if (session->state == State::claiming) return claimed(client_id, *session, revision, now);
  if (session->state == State::settling) return settled(client_id, *session, revision, now);
  if (session->state == State::owned) saved(client_id, *session, revision);
}

void Ownership::claimed(const std::string& client_id, Session& session, Revision revision,
                        broker::Instant now) {
  session.revision = revision;
  session.state = State::locating;
  locate(client_id, session, now);
}

void Ownership::locate(const std::string& client_id, Session& session, broker::Instant now) {
  if (members_.watched() < session.revision) return;
  const MemberId holder = session.record.holder;
  if (holder == no_member || (holder == members_.self() && session.image)) {
    return prepare(client_id, session, now);
  }
  session.drop_image();
  if (holder != members_.self() && members_.is_alive(holder)) {
    return ask(client_id, session, now);
  }
  want_acks(client_id, session);
}

void Ownership::ask(const std::string& client_id, Session& session, broker::Instant now) {
  session.state = State::asking;
  session.due = broker::after_milliseconds(now, options_.retry_milliseconds);
  orders_.emplace_back(AskHolder{
      .client_id = client_id, .holder = session.record.holder, .epoch = session.record.epoch});
}

void Ownership::holder_answered(const std::string& client_id, std::uint64_t epoch,
                                std::optional<MovedSession> image, broker::Instant now) {
  Session* const session = find(client_id);
  if (session == nullptr || session->state != State::asking || session->record.epoch != epoch) {
    return;
  }
  session->image = std::move(image);
  if (!session->image) return want_acks(client_id, *session);
  prepare(client_id, *session, now);
}

void Ownership::want_acks(const std::string& client_id, Session& session) {
  session.state = State::reading_acks;
  AckWaits& waits = ack_waits_[session.record.holder];
  waits.behind.push_back(client_id);
  if (waits.served.empty()) read_acks(session.record.holder, waits);
}

void Ownership::read_acks(MemberId member, AckWaits& waits) {
  waits.due.reset();
  waits.served.insert(waits.served.end(), waits.behind.begin(), waits.behind.end());
  waits.behind.clear();
  std::optional<std::uint64_t> from;
  for (const std::string& client_id : waits.served) {
    const Session* const session = find(client_id);
    if (session == nullptr || session->state != State::reading_acks) continue;
    from =
        std::min(from.value_or(session->record.state.acks_from), session->record.state.acks_from);
  }
  if (!from) {
    ack_waits_.erase(member);
    return;
  }
  orders_.emplace_back(ReadAcks{.member = member, .from = *from});
}

void Ownership::acks_failed(MemberId member, broker::Instant now) {
  const auto waits = ack_waits_.find(member);
  if (waits == ack_waits_.end()) return;
  waits->second.due = broker::after_milliseconds(now, options_.retry_milliseconds);
}

void Ownership::acks_read(MemberId member, const std::vector<StoredAck>& acks,
                          broker::Instant now) {
  const auto waits = ack_waits_.find(member);
  if (waits == ack_waits_.end()) return;
  std::unordered_multimap<std::string_view, Sequence> by_client;
  for (const StoredAck& ack : acks) by_client.emplace(ack.client_id, ack.sequence);
  for (const std::string& client_id : std::exchange(waits->second.served, {})) {
    Session* const session = find(client_id);
    // Its client may have come back meanwhile, or another node may have claimed it.
    if (session == nullptr || session->state != State::reading_acks ||
        session->record.holder != member) {
      continue;
    }
    SessionState& state = session->record.state;
    Cursor cursor(state.cursor, state.done);
    const auto [first, last] = by_client.equal_range(client_id);
    for (auto ack = first; ack != last; ++ack) cursor.add_done(ack->second);
    state.done = cursor.done_ranges();
    prepare(client_id, *session, now);
  }
  read_acks(member, waits->second);
}

/// A holder that counts as dead would take the state with it.
void Ownership::prepare(const std::string& client_id, Session& session, broker::Instant now) {
  session.state = State::prepared;
  if (members_.holds_lease(now)) settle(client_id, session);
}

void Ownership::settle(const std::string& client_id, Session& session) {
  session.state = State::settling;
  session.record.holder = members_.self();
  SessionState& state = session.record.state;
  if (session.image) {
    state = session.image->state;
    state.expiry_interval_seconds = session.expiry_interval_seconds;
  }
  state.acks_from = acks_stored_;
  state.numbers_reserved += options_.numbers_ahead;
  write(client_id, session);
}

void Ownership::settled(const std::string& client_id, Session& session, Revision revision,
                        broker::Instant now) {
  session.revision = revision;
  session.state = State::awaiting_lease;
  begin_with_lease(client_id, session, now);
}

void Ownership::begin_with_lease(const std::string& client_id, Session& session,
                                 broker::Instant now) {
  if (!members_.holds_lease(now)) return;
  session.state = State::owned;
  session.connect_waits = false;
  moving_.erase(client_id);
  BeginSession order{.client_id = client_id,
                     .epoch = session.record.epoch,
                     .state = session.record.state,
                     .next_number = session.record.state.numbers_reserved - options_.numbers_ahead,
                     .image = {}};
  if (session.image) order.image = std::move(session.image->bytes);
  session.drop_image();
  orders_.emplace_back(std::move(order));
}

}  // namespace cluster
