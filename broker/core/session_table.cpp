#include "broker/core/session_table.h"

#include <utility>

namespace broker {

SessionTable::SessionTable(const std::uint64_t (&hash_key)[2])
    : by_id_(16, Hash{{hash_key[0], hash_key[1]}}) {}

Session* SessionTable::find(std::string_view client_id) noexcept {
  const auto found = by_id_.find(client_id);
  return found == by_id_.end() ? nullptr : found->second;
}

Session* SessionTable::at(SessionIndex index, std::uint64_t number) noexcept {
  const auto slot = static_cast<std::uint32_t>(index);
  if (slot >= sessions_.size() || !sessions_[slot]) return nullptr;
  return sessions_[slot]->number == number ? sessions_[slot].get() : nullptr;
}

Session& SessionTable::create(std::string client_id) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(sessions_.size());
    sessions_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  sessions_[slot] =
      std::make_unique<Session>(SessionIndex{slot}, next_number_++, std::move(client_id));
  Session& session = *sessions_[slot];
  by_id_.emplace(session.client_id, &session);
  return session;
}

void SessionTable::erase(Session& session) {
  const auto slot = static_cast<std::uint32_t>(session.index);
  by_id_.erase(session.client_id);
  sessions_[slot].reset();
  free_.push_back(slot);
}

}  // namespace broker
