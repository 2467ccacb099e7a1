#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cluster {

/// The filters that a node tells the others: its subscriptions, counted, and above a number of them
/// their prefixes.
///
/// Shape      add() and remove() keep a tree of levels that counts filters; update() finds the set
///            that covers them, announced(). A filter stands for itself; where there are too many,
///            a prefix with "#" stands for all filters that begin with it: "a/b/#" for "a/b",
///            "a/b/c" and "a/b/+/d". update() begins with "#" and opens prefixes as long as there
///            is room, those with the fewest parts first. A filter "a/#" that clients have is the
///            end of that: it covers what is below it.
///            Messages that a prefix brings in vain are dropped by the routing of this node.
/// Invariant  announced() covers each filter that is counted: each topic that the filter matches is
///            matched by one of the set, [MQTT-4.7.2-1] included. The set has `filters_max` filters
///            at most, none of them long (see subject.h), and `bytes_max` bytes in all.
///            Not counted are filters below "$SYS", which is each node's own, and those with a
///            first level that begins with '$' and is long. Left out, for want of a wildcard that
///            matches several of them, are filters that begin with '$' where there are more than
///            `dollar_levels_max` different first levels, until one of those has gone.
/// Cost       add() and remove(): the levels of the filter. update(): filters_max times the levels
///            of a filter at most, however many filters there are.
/// Hysteresis A prefix that was needed is opened again when its parts fit twice, so that a number
/// of
///            filters that goes up and down at the limit changes nothing.
/// Threads    None.
class AnnouncedFilters final {
 public:
  struct Limits {
    std::size_t filters_max = 1024;
    std::size_t bytes_max = 131'072;
    std::size_t dollar_levels_max = 64;
  };
  struct Changes {
    std::vector<std::string> added;
    std::vector<std::string> removed;
  };

  /// Requires  filters_max > dollar_levels_max; room for "#" and the first levels with '$' in
  ///           bytes_max.
  explicit AnnouncedFilters(Limits limits);
  ~AnnouncedFilters();
  AnnouncedFilters(const AnnouncedFilters&) = delete;
  AnnouncedFilters& operator=(const AnnouncedFilters&) = delete;

  /// A filter may be added several times; it is counted until it was removed as often. Removing a
  /// filter that was not added does nothing, unless it is long: long filters that begin alike are
  /// counted as one.
  ///
  /// Requires  A well-formed filter, not a shared subscription's. A long one that is removed was
  ///           added.
  void add(std::string_view filter);
  void remove(std::string_view filter);

  /// Brings announced() up to date.
  ///
  /// Returns   The changes since the last call, sorted.
  Changes update();
  /// Whether update() may have something to do.
  [[nodiscard]] bool changed() const noexcept { return changed_; }

  [[nodiscard]] const std::set<std::string, std::less<>>& announced() const noexcept {
    return announced_;
  }
  /// Different filters that are counted, those that are left out among them.
  [[nodiscard]] std::size_t filters() const noexcept;
  /// Filters of the set that stand for several others.
  [[nodiscard]] std::size_t prefixes() const noexcept { return prefixes_; }
  /// Different first levels with '$' that are left out.
  [[nodiscard]] std::size_t left_out() const noexcept { return waiting_.size(); }
  /// Levels that the last update() looked at: its cost.
  [[nodiscard]] std::size_t looked_at() const noexcept { return looked_at_; }

 private:
  struct Level;
  class Plan;

  void count(Level& root, std::string_view filter);
  bool discount(Level& root, std::string_view filter);
  void dollar_level_came(std::string_view level);
  void dollar_level_went(std::string_view level);

  Limits limits_;
  std::unique_ptr<Level> topics_;   // filters that do not begin with '$'
  std::unique_ptr<Level> dollars_;  // those that do: no wildcard stands for all of them
  std::set<std::string, std::less<>> admitted_;  // first levels with '$' that are announced
  std::set<std::string, std::less<>> waiting_;   // those that are left out
  std::set<std::string, std::less<>> announced_;
  std::size_t prefixes_ = 0;
  std::size_t looked_at_ = 0;
  std::uint64_t round_ = 1;  // of update(); a new level was closed in round 0
  bool changed_ = false;
};

}  // namespace cluster
