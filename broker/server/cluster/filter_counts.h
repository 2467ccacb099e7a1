#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/interest.h"

namespace server {

/// The filters of all subscriptions of this process, counted: shards add and remove them, one other
/// thread takes the changes.
///
/// Invariant  A filter is told as added when its first subscription was made, and as removed when
///            the last one has ended; one that came and went between two looks is not told, nor is
///            one below "$SYS": each node has its own.
/// Threads    Any.
class FilterCounts final : public broker::FilterWatch {
 public:
  /// `ring` is called by shards when there is something to take, after there was nothing.
  explicit FilterCounts(std::function<void()> ring) : ring_(std::move(ring)) {}

  void filter_added(std::string_view filter) override;
  void filter_removed(std::string_view filter) override;
  /// The changes to be told so far.
  [[nodiscard]] std::uint64_t mark() const noexcept override { return mark_; }
  [[nodiscard]] bool is_announced(std::uint64_t mark) const noexcept override {
    return announced_ >= mark;
  }

  struct Change {
    std::string filter;
    bool added = false;
  };
  struct Changes {
    std::vector<Change> changes;
    std::uint64_t mark = 0;  // of these and all before them
  };
  /// The changes since the last call.
  [[nodiscard]] Changes take_changes();
  /// All up to a mark is announced. For one thread.
  ///
  /// Returns   Whether it is more than before.
  bool announce(std::uint64_t mark) noexcept {
    if (mark <= announced_) return false;
    announced_ = mark;
    return true;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Count {
    std::uint64_t subscriptions = 0;
    bool told = false;     // as added
    bool changed = false;  // stands in changed_
  };
  using Counts = std::unordered_map<std::string, Count, Hash, std::equal_to<>>;

  /// Returns   Whether it is the first change since take_changes().
  [[nodiscard]] bool note(Counts::value_type& entry);

  std::function<void()> ring_;
  std::atomic<std::uint64_t> mark_{0};  // written under mutex_
  std::atomic<std::uint64_t> announced_{0};
  std::mutex mutex_;  // guards the rest
  Counts counts_;
  std::vector<Counts::value_type*> changed_;  // nodes of the map stay where they are
};

}  // namespace server
