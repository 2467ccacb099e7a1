#include "broker/cluster/membership.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace cluster {

Membership::Membership(Options options) : options_(std::move(options)) {
  assert(options_.member != no_member);
  assert(options_.lease_milliseconds < options_.dead_after_milliseconds);
}

WriteMember Membership::next_beat(broker::Instant now) {
  beat_on_its_way_ = true;
  has_sent_ = true;
  beat_sent_ = now;
  expected_ = own_revision_;
  MemberRecord record;
  record.name = options_.name;
  record.beat = ++beat_;
  record.seen = watched_;
  return {.member = options_.member, .record = std::move(record), .expected = expected_};
}

std::vector<WriteMember> Membership::tick(broker::Instant now) {
  std::vector<WriteMember> orders;
  const bool due =
      !has_sent_ || now >= broker::after_milliseconds(beat_sent_, options_.beat_milliseconds);
  if (due && !beat_on_its_way_ && !awaits_watch_) orders.push_back(next_beat(now));
  const auto is_over = [&](broker::Instant since) {
    return now >= broker::after_milliseconds(since, options_.dead_after_milliseconds);
  };
  for (auto& [member, other] : others_) {
    if (other.record.dead || !is_over(other.changed) || !is_over(other.tried)) continue;
    other.tried = now;
    MemberRecord record = other.record;
    record.dead = true;
    orders.push_back({.member = member, .record = std::move(record), .expected = other.revision});
  }
  return orders;
}

void Membership::beat_written(Revision revision) {
  beat_on_its_way_ = false;
  // The watch may have been faster, and may have shown a record "dead" behind this beat.
  if (revision < own_revision_) return;
  own_revision_ = revision;
  if (joined_ == 0) joined_ = revision;
  // The time of sending: later than that the record may have been written at any time.
  lease_from_ = beat_sent_;
}

void Membership::beat_refused() {
  beat_on_its_way_ = false;
  // A beat was written without an answer, or this member is dead: the watch will tell.
  awaits_watch_ = own_revision_ == expected_;
}

void Membership::beat_unknown() { beat_on_its_way_ = false; }

void Membership::member_seen(MemberId member, const MemberRecord& record, Revision revision,
                             broker::Instant now) {
  if (member == options_.member) {
    if (revision <= own_revision_) return;
    own_revision_ = revision;
    awaits_watch_ = false;
    if (record.dead) {
      joined_ = 0;
    } else if (joined_ == 0) {
      joined_ = revision;
    }
    return;
  }
  Other& other = others_[member];
  if (revision <= other.revision) return;
  const bool was_alive = other.revision != 0 && !other.record.dead;
  if (!record.dead && !was_alive) other.joined = revision;
  other.record = record;
  other.revision = revision;
  other.changed = now;
  if (!record.dead) other.seen = std::max(other.seen, record.seen);
}

void Membership::watch_reached(Revision revision) { watched_ = std::max(watched_, revision); }

void Membership::member_has_seen(MemberId member, Revision revision) {
  if (const auto other = others_.find(member); other != others_.end()) {
    other->second.seen = std::max(other->second.seen, revision);
  }
}

bool Membership::holds_lease(broker::Instant now) const noexcept {
  return joined_ != 0 && watched_ >= joined_ &&
         now < broker::after_milliseconds(lease_from_, options_.lease_milliseconds);
}

bool Membership::is_alive(MemberId member) const {
  if (member == options_.member) return true;
  const auto other = others_.find(member);
  return other != others_.end() && !other->second.record.dead;
}

bool Membership::all_have_seen(Revision revision) const {
  if (watched_ < revision) return false;
  return std::ranges::all_of(others_, [&](const auto& entry) {
    const Other& other = entry.second;
    return other.record.dead || other.seen >= revision || other.joined > revision;
  });
}

std::vector<Barrier::Ticket> Barrier::passed(const Membership& members) {
  std::vector<Ticket> tickets;
  while (!waits_.empty() && members.all_have_seen(waits_.begin()->first)) {
    tickets.push_back(waits_.begin()->second);
    waits_.erase(waits_.begin());
  }
  return tickets;
}

}  // namespace cluster
