// broker/server/http/round.h
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "broker/core/ids.h"
#include "transport/loop_counts.h"

namespace server {

/// One look at all loops: each is asked for its report once, and no thread waits.
///
/// Shape      begin() -> is_complete(), or is_overdue() -> take(), or drop(): the next may begin.
/// Invariant  A report that comes after its round was dropped changes nothing.
/// Lifetime   Reports may come when this is gone.
/// Threads    One; reports come from any.
class Round {
 public:
  using Report = std::function<void(broker::ShardIndex loop, const transport::LoopReport& report)>;
  /// Has every loop call `done` on its thread, soon.
  using Ask = std::function<void(const Report& done)>;
  /// Called on any thread when the last report is there.
  using Ring = std::function<void()>;

  /// A loop that has not answered for so long counts as one that does not turn.
  static constexpr std::int64_t patience_milliseconds = 2000;

  /// Requires  No round is open.
  void begin(std::uint32_t loops, const Ask& ask, Ring ring, broker::Instant now);
  [[nodiscard]] bool is_open() const noexcept { return shared_ != nullptr; }
  [[nodiscard]] bool is_complete() const;
  [[nodiscard]] bool is_overdue(broker::Instant now) const noexcept;
  /// The loops that have not answered, lowest first.
  [[nodiscard]] std::vector<std::uint32_t> silent_loops() const;
  /// The reports, by loop. Requires is_complete(). The round is over.
  [[nodiscard]] std::vector<transport::LoopReport> take();
  /// The round is over, also if loops have not answered.
  void drop() noexcept { shared_.reset(); }

 private:
  struct Shared;

  std::shared_ptr<Shared> shared_;  // null: no round is open
  broker::Instant deadline_;
};

}  // namespace server
