#include "broker/core/session_table.h"

#include <cassert>

namespace broker {

SessionTable::SessionTable(const std::uint64_t (&hash_key)[2])
    : hash_key_{hash_key[0], hash_key[1]} {}

Session* SessionTable::find(std::string_view client_id) noexcept {
  const std::uint32_t found = by_id_.find(hash_of(client_id), [&](std::uint32_t number) {
    return sessions_[number - 1]->client_id == client_id;
  });
  return found == HashIndex::none ? nullptr : sessions_[found - 1].get();
}

Session* SessionTable::at(SessionIndex index, std::uint64_t number) noexcept {
  const auto slot = static_cast<std::uint32_t>(index);
  if (slot >= sessions_.size() || !sessions_[slot]) return nullptr;
  return sessions_[slot]->number == number ? sessions_[slot].get() : nullptr;
}

Session& SessionTable::create(std::string_view client_id) {
  assert(find(client_id) == nullptr);
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(sessions_.size());
    sessions_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  sessions_[slot] =
      std::make_unique<Session>(SessionIndex{slot}, next_number_++, client_id, queued_);
  by_id_.insert(hash_of(client_id), slot + 1);
  if (!shares_.empty()) {
    const auto share = shares_.find(client_id);
    if (share != shares_.end()) sessions_[slot]->topic_share = share->second.get();
  }
  return *sessions_[slot];
}

void SessionTable::share_topics(const TopicShares& shares) {
  if (!shares_.empty()) {
    for_each([](Session& session) { session.topic_share = nullptr; });  // retired ones, too
  }
  shares_ = shares;
  for (const auto& [client_id, share] : shares_) {
    assert(share != nullptr);
    if (Session* const session = find(client_id)) session->topic_share = share.get();
  }
}

void SessionTable::retire(const Session& session) {
  assert(find(session.client_id) == &session);
  by_id_.erase(hash_of(session.client_id), static_cast<std::uint32_t>(session.index) + 1);
}

void SessionTable::erase(Session& session) {
  const auto slot = static_cast<std::uint32_t>(session.index);
  assert(slot < sessions_.size() && sessions_[slot].get() == &session);
  assert(find(session.client_id) != &session);  // retired
  sessions_[slot].reset();
  free_.push_back(slot);
}

Queued SessionTable::recount() const noexcept {
  Queued sum;
  for (const auto& session : sessions_) {
    if (!session || !session->outgoing) continue;
    const Outgoing& outgoing = *session->outgoing;
    sum.messages += outgoing.backlog_size() + outgoing.unsent_size() + outgoing.window().size();
    sum.bytes +=
        outgoing.backlog_bytes() + outgoing.unsent_bytes() + outgoing.window().size_bytes();
  }
  return sum;
}

}  // namespace broker
