// broker/core/level_tree.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/core/hash_index.h"
#include "broker/core/level_table.h"
#include "broker/core/slab.h"

namespace broker {

/// A tree of topic levels: the skeleton of the subscription trie and of the retained store.
///
/// Shape      "a/+/#" is three edges below the root. A node names its '+' and its '#' child, and
///            the first of a list of its other children; where those are several, they also stand
///            in one table for the whole tree, by (parent, level). Most have none or one. A node
///            carries one `value` number that its user gives meaning to (0: no value).
/// Invariant  Every leaf but the root has a value, or is pinned: clear_value() prunes.
/// Lifetime   A node number is valid until it is pruned.
/// Threads    None.
class LevelTree {
 public:
  using NodeIndex = std::uint32_t;
  static constexpr NodeIndex root = 0;
  static constexpr NodeIndex none = UINT32_MAX;

  LevelTree();

  /// The node of `path`, or none.
  [[nodiscard]] NodeIndex find(std::string_view path) const noexcept;
  /// The node of `path`, made if it is not there. Give it a value before the next call.
  NodeIndex add(std::string_view path);
  /// Removes the value and prunes nodes that this leaves empty.
  void clear_value(NodeIndex node);

  /// Keeps a node where it is, even without value and children, until unpin() was called as often:
  /// for walks that go on later. The number of pins is small.
  void pin(NodeIndex node) {
    assert(node != none);
    ++pins_[node];
  }
  void unpin(NodeIndex node);

  [[nodiscard]] std::uint32_t value(NodeIndex node) const noexcept { return nodes_[node].value; }
  void set_value(NodeIndex node, std::uint32_t value) noexcept { nodes_[node].value = value; }

  /// The path from the root, as add() was given it.
  [[nodiscard]] std::string path(NodeIndex node) const;
  /// Nodes, the root counted.
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }

  // For walking.

  [[nodiscard]] std::uint32_t level_number(std::string_view level) const noexcept {
    return levels_.find(level);
  }
  /// LevelTable::find_all().
  [[nodiscard]] std::size_t level_numbers(std::string_view path,
                                          std::span<std::uint32_t> numbers) const noexcept {
    return levels_.find_all(path, numbers);
  }
  /// The child by the number of a level that is no wildcard; none if it is LevelTable::none.
  [[nodiscard]] NodeIndex child(NodeIndex parent, std::uint32_t level) const noexcept {
    const NodeIndex first = nodes_[parent].first;
    if (first == none || nodes_[first].level == level) return first;
    if (nodes_[first].next == none || level == LevelTable::none) return none;
    return edge(parent, level);
  }
  [[nodiscard]] NodeIndex plus_child(NodeIndex node) const noexcept { return nodes_[node].plus; }
  [[nodiscard]] NodeIndex hash_child(NodeIndex node) const noexcept { return nodes_[node].hash; }
  /// The first of the children that are no wildcards.
  [[nodiscard]] NodeIndex first_child(NodeIndex node) const noexcept { return nodes_[node].first; }
  [[nodiscard]] NodeIndex next_sibling(NodeIndex node) const noexcept { return nodes_[node].next; }
  [[nodiscard]] std::string_view level_text(NodeIndex node) const noexcept {
    return levels_.text(nodes_[node].level);
  }

 private:
  struct Node {
    NodeIndex parent = none;
    std::uint32_t level = LevelTable::none;
    NodeIndex first = none;     // first child
    NodeIndex next = none;      // next sibling
    NodeIndex previous = none;  // previous sibling
    NodeIndex plus = none;
    NodeIndex hash = none;
    std::uint32_t value = 0;

    [[nodiscard]] bool childless() const noexcept {
      return first == none && plus == none && hash == none;
    }
  };
  /// The child by any level's number, wildcards too.
  [[nodiscard]] NodeIndex step(NodeIndex parent, std::uint32_t level) const noexcept;
  [[nodiscard]] NodeIndex edge(NodeIndex parent, std::uint32_t level) const noexcept;
  NodeIndex add_child(NodeIndex parent, std::string_view level);
  void prune(NodeIndex node);
  void remove(NodeIndex node);
  void link(NodeIndex node);
  void unlink(NodeIndex node);
  void insert_edge(NodeIndex node);
  void erase_edge(NodeIndex node);

  LevelTable levels_;
  Slab<Node> nodes_;
  std::unordered_map<NodeIndex, std::uint32_t> pins_;
  HashIndex edges_;  // of the children, no wildcards, that have siblings
};

}  // namespace broker
