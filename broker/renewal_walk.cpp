#include "broker/renewal_walk.h"

#include <algorithm>

#include "broker/wire/topic.h"

namespace broker {

RenewalWalk::RenewalWalk(Tables& tables, const Subscriptions& subscriptions,
                         const Forwards& forwards, const Distribution& distribution)
    : tables_(tables),
      subscriptions_(subscriptions),
      forwards_(forwards),
      distribution_(distribution),
      forwards_end_(forwards.waiting()) {}

bool RenewalWalk::run(JournalBatch& batch) {
  for (std::size_t steps = 0; steps < steps_max && !batch.is_portion(); ++steps) {
    bool more = false;
    switch (part_) {
      case Part::forwards:
        more = step_forwards(batch);
        break;
      case Part::sessions:
        more = step_sessions(batch);
        break;
      case Part::retained:
        more = step_retained(batch);
        break;
      case Part::over:
        return false;
    }
    if (more) continue;
    part_ = static_cast<Part>(static_cast<std::uint8_t>(part_) + 1);
    place_ = 0;
  }
  return part_ != Part::over;
}

bool RenewalWalk::step_forwards(JournalBatch& batch) {
  if (place_ == forwards_end_) return false;
  forwards_.rewrite(place_++, batch);
  return true;
}

bool RenewalWalk::step_sessions(JournalBatch& batch) {
  if (place_ >= tables_.sessions.places()) return false;
  Session* const session = tables_.sessions.at_place(place_);
  // The one that was walked may have ended, and its place may be another's.
  if (inside_ != Inside::row && (session == nullptr || session->number != session_)) {
    inside_ = Inside::row;
  }
  if (session != nullptr && tables_.ledger.is_renewed(*session) && !step_inside(*session, batch)) {
    return true;
  }
  inside_ = Inside::row;
  ++place_;
  return true;
}

bool RenewalWalk::step_inside(Session& session, JournalBatch& batch) {
  switch (inside_) {
    case Inside::row:
      begin_session(session, batch);
      return false;
    case Inside::filters:
      filters_ = std::min(filters_, session.subscriptions.view().size());
      if (filters_ == 0) {
        inside_ = Inside::memberships;
      } else {
        subscriptions_.rewrite(session, --filters_, batch);
      }
      return false;
    case Inside::memberships:
      if (!session.memberships || membership_ >= session.memberships->last()) {
        inside_ = Inside::deliveries;
      } else {
        give(session, session.memberships->at(++membership_), batch);
      }
      return false;
    case Inside::deliveries:
      const auto rest = tables_.ledger.rewrite_deliveries(session, delivery_, batch);
      delivery_ = rest.value_or(0);
      return !rest.has_value();
  }
  return true;
}

void RenewalWalk::begin_session(Session& session, JournalBatch& batch) {
  tables_.ledger.rewrite(session, batch);
  inside_ = Inside::filters;
  session_ = session.number;
  filters_ = session.subscriptions.view().size();
  membership_ = MembershipList::none;
  delivery_ = 0;
}

void RenewalWalk::give(const Session& session, const Membership& membership, JournalBatch& batch) {
  if (!membership.live) return;
  JournalBatch::Subscription row;
  row.session = session.key;
  row.share_name = batch.put(membership.share_name);
  row.filter = batch.put(membership.filter);
  row.present = true;
  row.subscription_identifier = membership.subscription_identifier;
  row.qos = membership.qos;
  row.retain_as_published = membership.retain_as_published;
  batch.subscriptions.push_back(row);
}

// A topic with a note is left out: its message may have no row yet, and gets one with the change.
bool RenewalWalk::step_retained(JournalBatch& batch) {
  if (place_ >= tables_.retained.places()) return false;
  const Retained::Record* const record = tables_.retained.at_place(place_++);
  if (record == nullptr) return true;
  const std::string_view topic = record->message->topic();
  if (mqtt::is_sys(topic) || !distribution_.stores_retained(topic)) return true;
  if (!tables_.ledger.has_note(topic)) tables_.ledger.rewrite(*record, batch);
  return true;
}

}  // namespace broker
