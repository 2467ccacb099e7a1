// The part of an owner: a session's record, and the session's way to another node.

#include <algorithm>
#include <cassert>
#include <utility>

#include "broker/cluster/ownership.h"

namespace cluster {
namespace {

AnswerAsker answer(const std::string& client_id, MemberId asker, std::uint64_t epoch,
                   std::optional<MovedSession> image) {
  return {.client_id = client_id, .asker = asker, .epoch = epoch, .image = std::move(image)};
}

}  // namespace

void Ownership::save(const std::string& client_id, SessionState state,
                     std::optional<std::uint64_t> ticket) {
  Session* const session = find(client_id);
  if (session == nullptr || session->state != State::owned) return;
  state.acks_from = acks_stored_;
  // Numbers that were reserved may be in use.
  state.numbers_reserved = std::max(state.numbers_reserved, session->record.state.numbers_reserved);
  session->next = std::move(state);
  if (ticket) session->tickets_of_next.push_back(*ticket);
  const bool is_writing = session->request != 0 || session->reads_again;
  if (!is_writing) save_next(client_id, *session);
}

void Ownership::save_next(const std::string& client_id, Session& session) {
  session.record.state = std::move(*session.next);
  session.next.reset();
  session.tickets = std::exchange(session.tickets_of_next, {});
  write(client_id, session);
}

void Ownership::saved(const std::string& client_id, Session& session, Revision revision) {
  session.revision = revision;
  orders_.emplace_back(StateSaved{.client_id = client_id,
                                  .revision = revision,
                                  .numbers_reserved = session.record.state.numbers_reserved,
                                  .tickets = std::exchange(session.tickets, {})});
  if (session.next) save_next(client_id, session);
}

void Ownership::freeze(const std::string& client_id, Session& session) {
  assert(session.state == State::owned);
  session.state = State::freezing;
  session.request = 0;
  session.reads_again = false;
  session.next.reset();
  session.tickets.clear();
  session.tickets_of_next.clear();
  session.image_epoch = session.record.epoch;
  moving_.erase(client_id);
  orders_.emplace_back(FreezeSession{.client_id = client_id});
}

void Ownership::frozen(const std::string& client_id, MovedSession image, broker::Instant now) {
  Session* const session = find(client_id);
  if (session == nullptr || session->state != State::freezing) return;
  session->state = State::frozen;
  session->image = std::move(image);
  if (session->question)
    orders_.emplace_back(
        answer(client_id, session->question->asker, session->question->epoch, session->image));
  if (session->connect_waits) start(client_id, *session, now);
}

void Ownership::asked(const std::string& client_id, std::uint64_t epoch, MemberId asker) {
  Session* const session = find(client_id);
  if (session == nullptr) {
    orders_.emplace_back(answer(client_id, asker, epoch, {}));
    return;
  }
  const bool holds = session->image_epoch != 0 || session->state == State::owned;
  const std::uint64_t held =
      session->state == State::owned ? session->record.epoch : session->image_epoch;
  if (!holds || epoch <= held) return;
  if (!session->question || session->question->epoch < epoch) {
    session->question = {.asker = asker, .epoch = epoch};
  }
  if (session->state == State::owned) return freeze(client_id, *session);
  if (session->image)
    orders_.emplace_back(
        answer(client_id, session->question->asker, session->question->epoch, session->image));
}

void Ownership::record_seen(const std::string& client_id, const SessionRecord& record,
                            broker::Instant now) {
  if (record.owner != record.holder) flapping_.moved(client_id, now);
  Session* const session = find(client_id);
  if (session == nullptr || record.owner == members_.self()) return;
  const bool is_kept = session->image_epoch != 0 && session->state != State::owned;
  const std::uint64_t known =
      is_kept && session->state >= State::freezing ? session->image_epoch : session->record.epoch;
  if (record.epoch > known) superseded(client_id, *session, record, now);
}

/// Another claim is in the record, or another holder, behind all that this node has written.
void Ownership::superseded(const std::string& client_id, Session& session,
                           const SessionRecord& record, broker::Instant now) {
  const bool is_holder = record.holder == members_.self();
  switch (session.state) {
    case State::waiting:
    case State::reading:
    case State::claiming:
      // The next claim will be behind that one.
      if (!is_holder) session.drop_image();
      return;
    case State::owned:
      if (is_holder) return freeze(client_id, session);
      return lose(client_id, session, now);
    case State::freezing:
      if (!is_holder) lose(client_id, session, now);
      return;
    case State::frozen:
      if (!is_holder) erase(client_id);
      return;
    case State::locating:
    case State::asking:
    case State::reading_acks:
    case State::prepared:
    case State::settling:
    case State::awaiting_lease:
      return give_up(client_id, session, is_holder);
  }
}

/// Another node is the holder; the client that waits here is the latest.
void Ownership::lose(const std::string& client_id, Session& session, broker::Instant now) {
  orders_.emplace_back(ForgetSession{.client_id = client_id});
  if (!session.connect_waits) return erase(client_id);
  const std::uint32_t expiry_interval_seconds = session.expiry_interval_seconds;
  session = Session{};
  session.connect_waits = true;
  session.expiry_interval_seconds = expiry_interval_seconds;
  start(client_id, session, now);
}

/// The later client wins. If this node is the holder by a write that had no answer, it keeps what
/// it got for the next one; without an image there is no more than the record.
void Ownership::give_up(const std::string& client_id, Session& session, bool is_holder) {
  orders_.emplace_back(RefuseConnect{.client_id = client_id});
  if (!is_holder || !session.image) return erase(client_id);
  if (session.image_epoch == 0) session.image_epoch = session.record.epoch;
  session.state = State::frozen;
  session.connect_waits = false;
  session.request = 0;
  session.reads_again = false;
  session.question.reset();
  moving_.erase(client_id);
}

void Ownership::erase(const std::string& client_id) {
  moving_.erase(client_id);
  sessions_.erase(client_id);
}

void Ownership::members_changed(broker::Instant now) {
  for (const std::string& client_id : std::vector<std::string>(moving_.begin(), moving_.end())) {
    Session& session = *find(client_id);
    if (session.state == State::locating) locate(client_id, session, now);
    if (session.state == State::prepared) prepare(client_id, session, now);
    if (session.state == State::awaiting_lease) begin_with_lease(client_id, session, now);
    if (session.state == State::asking && !members_.is_alive(session.record.holder)) {
      want_acks(client_id, session);
    }
  }
}

void Ownership::tick(broker::Instant now) {
  for (const std::string& client_id : std::vector<std::string>(moving_.begin(), moving_.end())) {
    Session& session = *find(client_id);
    if (session.state == State::prepared) prepare(client_id, session, now);
    if (session.state == State::awaiting_lease) begin_with_lease(client_id, session, now);
    if (session.state == State::owned && session.connect_waits) resume(client_id, session, now);
    if (session.state == State::owned && !session.connect_waits && !session.reads_again) {
      moving_.erase(client_id);
    }
    if (now < session.due) continue;
    if (session.reads_again) {
      read(client_id, session);
    } else if (session.state == State::waiting) {
      session.state = State::reading;
      read(client_id, session);
    } else if (session.state == State::asking) {
      ask(client_id, session, now);
    }
  }
  std::vector<MemberId> due;
  for (const auto& [member, waits] : ack_waits_) {
    if (waits.due && now >= *waits.due) due.push_back(member);
  }
  for (const MemberId member : due) read_acks(member, ack_waits_[member]);
}

}  // namespace cluster
