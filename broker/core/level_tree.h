// broker/core/level_tree.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// Names of topic levels, each kept once and known by a small number.
///
/// Invariant  A number stays valid while its level has references; freed numbers are used again.
/// Cost       One hash of the text for find(); short texts live in the entry.
class LevelTable {
 public:
  static constexpr std::uint32_t none = 0;

  LevelTable();
  ~LevelTable();
  LevelTable(const LevelTable&) = delete;
  LevelTable& operator=(const LevelTable&) = delete;

  /// The level's number, or none if it is not kept.
  [[nodiscard]] std::uint32_t find(std::string_view level) const noexcept;
  /// The level's number; keeps the level, or counts one more reference.
  std::uint32_t hold(std::string_view level);
  void release(std::uint32_t number);
  [[nodiscard]] std::string_view text(std::uint32_t number) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;

 private:
  /// Texts of up to 15 bytes stand in the entry; longer ones on the heap.
  struct Entry {
    std::uint32_t hash = 0;
    std::uint32_t references = 0;  // 0: free, and `size` is the next free entry
    std::uint32_t size = 0;
    union {
      char inline_text[16];
      char* heap_text;
    };
    Entry() : inline_text{} {}
    [[nodiscard]] bool on_heap() const noexcept { return size > sizeof inline_text; }
    [[nodiscard]] std::string_view text() const noexcept {
      return {on_heap() ? heap_text : inline_text, size};
    }
  };
  void rehash(std::size_t slots);
  [[nodiscard]] std::size_t slot_of(std::uint32_t number) const noexcept;

  std::vector<Entry> entries_;        // [0] is unused: number `none`
  std::vector<std::uint32_t> table_;  // open addressing by hash; a power of two
  std::uint32_t free_ = none;
  std::size_t size_ = 0;
};

/// A tree of topic levels: the skeleton of the subscription trie and of the retained store.
///
/// Shape      "a/+/#" is three edges below the root. Nodes are numbers into one array; the edge
///            (parent, level) -> child stands in one open-addressing table for the whole tree; '+'
///            and '#' children are also named in the node, and children form a list. A node
///            carries one `value` number that its user gives meaning to (0: no value).
/// Invariant  Every leaf but the root has a value: clear_value() prunes.
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
  /// Takes the value off and prunes what that leaves empty.
  void clear_value(NodeIndex node);

  [[nodiscard]] std::uint32_t value(NodeIndex node) const noexcept { return nodes_[node].value; }
  void set_value(NodeIndex node, std::uint32_t value) noexcept { nodes_[node].value = value; }

  /// The path from the root: what add() was given.
  [[nodiscard]] std::string path(NodeIndex node) const;

  // For walking.
  [[nodiscard]] std::uint32_t level_number(std::string_view level) const noexcept {
    return levels_.find(level);
  }
  /// The child by a level's number; none if `level` is LevelTable::none.
  [[nodiscard]] NodeIndex child(NodeIndex parent, std::uint32_t level) const noexcept;
  [[nodiscard]] NodeIndex plus_child(NodeIndex node) const noexcept { return nodes_[node].plus; }
  [[nodiscard]] NodeIndex hash_child(NodeIndex node) const noexcept { return nodes_[node].hash; }
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
    NodeIndex next = none;      // next sibling; next free node when free
    NodeIndex previous = none;  // previous sibling
    NodeIndex plus = none;
    NodeIndex hash = none;
    std::uint32_t value = 0;
  };
  NodeIndex add_child(NodeIndex parent, std::string_view level);
  void remove(NodeIndex node);
  [[nodiscard]] std::size_t home_slot(NodeIndex parent, std::uint32_t level) const noexcept;
  void insert_edge(NodeIndex node) noexcept;
  void erase_edge(NodeIndex node) noexcept;
  void rehash(std::size_t slots);

  LevelTable levels_;
  std::vector<Node> nodes_;
  std::vector<NodeIndex> edges_;  // open addressing: key (parent, level) is read from the node
  NodeIndex free_ = none;
  std::size_t edge_count_ = 0;
};

}  // namespace broker
