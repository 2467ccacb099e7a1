#include "persistence/message_holders.h"

#include <cassert>

namespace persistence {

void MessageHolders::roll_back() {
  for (const auto& [message, count] : undo_) {
    if (count == 0) {
      counts_.erase(message);
    } else {
      counts_[message] = count;
    }
  }
  undo_.clear();
}

void MessageHolders::add(std::uint64_t message) {
  const auto [found, is_new] = counts_.try_emplace(message, 1);
  undo_.try_emplace(message, is_new ? 0 : found->second);
  ++found->second;
}

bool MessageHolders::remove(std::uint64_t message) {
  const auto found = counts_.find(message);
  if (found == counts_.end()) return false;
  undo_.try_emplace(message, found->second);
  assert(found->second >= 2);
  if (--found->second == 1) counts_.erase(found);
  return true;
}

void MessageHolders::clear() noexcept {
  counts_.clear();
  undo_.clear();
}

}  // namespace persistence
