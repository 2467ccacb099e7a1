// persistence/message_holders.h
#pragma once

#include <cassert>
#include <cstdint>
#include <unordered_map>

namespace persistence {

/// How many shards, and forwards, refer to each message that more than one refers to.
///
/// Invariant  A message without a count here has one holder at most. Counts are those of the last
///            commit, and of the transaction that is open.
/// Threads    None.
class MessageHolders {
 public:
  /// Frames a transaction: roll_back() returns to the counts of the last begin() or commit().
  void begin() noexcept { undo_.clear(); }
  void commit() noexcept { undo_.clear(); }
  void roll_back();

  /// One holder more; a message without a count has had one.
  void add(std::uint64_t message);
  /// One holder less. Returns whether others are left.
  [[nodiscard]] bool remove(std::uint64_t message);

  /// As read from the tables, outside of transactions. Requires `count` >= 2.
  void set(std::uint64_t message, std::uint32_t count) {
    assert(count >= 2);
    counts_[message] = count;
  }
  void clear() noexcept;

 private:
  std::unordered_map<std::uint64_t, std::uint32_t> counts_;
  std::unordered_map<std::uint64_t, std::uint32_t> undo_;  // counts before; 0: there was none
};

}  // namespace persistence
