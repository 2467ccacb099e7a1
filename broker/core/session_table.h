// broker/core/session_table.h
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/hash_index.h"
#include "broker/core/queued.h"
#include "broker/core/session.h"
#include "broker/core/siphash.h"
#include "broker/core/topic_share.h"

namespace broker {

/// The sessions of one shard, by client id and by index.
///
/// Invariant  One session per client id, those that were retired aside. An index is given again
/// only after erase(). Threads    None.
class SessionTable {
 public:
  /// `hash_key` keeps clients from choosing ids that fall into one bucket.
  explicit SessionTable(const std::uint64_t (&hash_key)[2]);

  [[nodiscard]] Session* find(std::string_view client_id) noexcept;
  /// The session at an index, or null; if `number` differs it was another's.
  [[nodiscard]] Session* at(SessionIndex index, std::uint64_t number) noexcept;
  [[nodiscard]] Session& at(SessionIndex index) noexcept {
    assert(static_cast<std::uint32_t>(index) < sessions_.size());
    assert(sessions_[static_cast<std::uint32_t>(index)]);
    return *sessions_[static_cast<std::uint32_t>(index)];
  }
  /// Requires that no session has the id.
  Session& create(std::string_view client_id);
  /// Gives sessions their shares: those that are here, and each that is created from now on. The
  /// shares of the last call end.
  ///
  /// Cost      A walk over all sessions, if the last call gave shares.
  void share_topics(const TopicShares& shares);
  /// Keeps a session at its index, but not under its client id.
  void retire(const Session& session);
  /// Requires  The session was retired.
  void erase(Session& session);
  [[nodiscard]] std::size_t size() const noexcept { return by_id_.size(); }

  /// How much waits for all of them, and is in flight.
  [[nodiscard]] const Queued& queued() const noexcept { return queued_; }
  /// The same, counted anew: a walk over all sessions, for tests and assertions.
  [[nodiscard]] Queued recount() const noexcept;

  /// Places of the table, for a walk in steps: each holds a session or null.
  [[nodiscard]] std::size_t places() const noexcept { return sessions_.size(); }
  [[nodiscard]] Session* at_place(std::size_t place) noexcept {
    assert(place < sessions_.size());
    return sessions_[place].get();
  }

  /// Calls `visit(Session&)` for each; `visit` may erase the one it was given.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      if (sessions_[i]) visit(*sessions_[i]);
    }
  }

 private:
  [[nodiscard]] std::uint32_t hash_of(std::string_view client_id) const noexcept {
    return static_cast<std::uint32_t>(siphash(hash_key_, client_id) >> 32U);
  }

  std::uint64_t hash_key_[2];
  Queued queued_;    // before the sessions, which count in it until they end
  HashIndex by_id_;  // of indexes plus 1
  TopicShares shares_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::uint32_t> free_;
  std::uint64_t next_number_ = 1;
};

}  // namespace broker
