// broker/core/retained_walk.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/level_tree.h"
#include "broker/core/retained.h"

namespace broker {

/// Visits the retained messages that match one filter, over as many turns as that takes.
///
/// Shape      The way from the root to where the walk stands: at each wildcard of the filter, the
///            child that comes next. Between two calls of run() these children are pinned in the
///            tree.
/// Invariant  Visits each message that matched when the walk began and is still there when the walk
///            reaches it, once. Messages stored since then are left out: the subscription got them.
/// Lifetime   The store outlives the walk.
/// Threads    None.
class RetainedWalk {
 public:
  RetainedWalk(Retained& retained, std::string_view filter);
  ~RetainedWalk() { unpin(); }
  RetainedWalk(const RetainedWalk&) = delete;
  RetainedWalk& operator=(const RetainedWalk&) = delete;

  /// Continues the walk. Takes a step from `steps` for each node that it reads.
  ///
  /// Requires  `visit(const Record&)` leaves the store alone.
  /// Returns   False if there is more to visit and no step is left.
  template <typename Visit>
  bool run(std::size_t& steps, Instant now, Visit&& visit);

 private:
  using NodeIndex = LevelTree::NodeIndex;
  /// Children that are to be visited, one after the other.
  struct Place {
    NodeIndex child;    // the next one; none: all were
    std::size_t level;  // of the filter: a wildcard
  };

  [[nodiscard]] const LevelTree& tree() const noexcept { return retained_.tree_; }
  /// Goes down from a node to the next wildcard of the filter, from `level` on.
  template <typename Visit>
  void descend(NodeIndex node, std::size_t level, Instant now, Visit& visit);
  template <typename Visit>
  void visit_node(NodeIndex node, Instant now, Visit& visit) const;
  [[nodiscard]] bool is_hidden(NodeIndex child) const noexcept;
  void pin();
  void unpin();

  Retained& retained_;
  std::string filter_;
  std::vector<std::string_view> levels_;  // of the filter
  std::vector<Place> way_;
  std::uint64_t began_;  // Record::update of messages stored after that is higher
  bool descended_ = false;
  bool pinned_ = false;
};

template <typename Visit>
bool RetainedWalk::run(std::size_t& steps, Instant now, Visit&& visit) {
  unpin();
  if (!descended_) {
    descended_ = true;
    descend(LevelTree::root, 0, now, visit);
  }
  while (!way_.empty()) {
    if (steps == 0) {
      pin();
      return false;
    }
    --steps;
    Place& place = way_.back();
    const NodeIndex child = place.child;
    if (child == LevelTree::none) {
      way_.pop_back();
      continue;
    }
    place.child = tree().next_sibling(child);
    if (is_hidden(child)) continue;
    const bool all = levels_[place.level] == "#";
    // Below '#' every node is visited, as if another '#' followed.
    descend(child, all ? place.level : place.level + 1, now, visit);
  }
  return true;
}

template <typename Visit>
void RetainedWalk::descend(NodeIndex node, std::size_t level, Instant now, Visit& visit) {
  for (; level < levels_.size(); ++level) {
    const std::string_view text = levels_[level];
    if (text == "#" || text == "+") {
      if (text == "#") visit_node(node, now, visit);  // "a/#" matches "a" (4.7.1.2)
      if (tree().first_child(node) != LevelTree::none) {
        way_.push_back({tree().first_child(node), level});
      }
      return;
    }
    node = tree().child(node, tree().level_number(text));
    if (node == LevelTree::none) return;
  }
  visit_node(node, now, visit);
}

template <typename Visit>
void RetainedWalk::visit_node(NodeIndex node, Instant now, Visit& visit) const {
  const Retained::Record* const record = retained_.message_at(node, now);
  if (record != nullptr && record->update <= began_) visit(*record);
}

template <typename Visit>
void Retained::match(std::string_view filter, Instant now, Visit&& visit) {
  std::size_t steps = SIZE_MAX;
  RetainedWalk(*this, filter).run(steps, now, visit);
}

}  // namespace broker
