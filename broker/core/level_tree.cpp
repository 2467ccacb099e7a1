#include "broker/core/level_tree.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "broker/wire/topic.h"

namespace broker {
namespace {

constexpr std::size_t slots_min = 16;

std::uint32_t mix(std::uint64_t value) noexcept {
  value ^= value >> 32U;
  value *= 0x9E3779B97F4A7C15U;
  value ^= value >> 29U;
  value *= 0xBF58476D1CE4E5B9U;
  return static_cast<std::uint32_t>(value >> 32U);
}

std::uint32_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = text.size() * 0x9E3779B97F4A7C15U;
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93U;
    hash ^= hash >> 32U;
    text.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  if (!text.empty()) std::memcpy(&rest, text.data(), text.size());
  return mix((hash ^ rest) * 0xD6E8FEB86659FD93U);
}

/// A table is full enough at three quarters.
bool crowded(std::size_t used, std::size_t slots) { return used * 4 >= slots * 3; }

}  // namespace

LevelTable::LevelTable() : entries_(1), table_(slots_min, none) {}

LevelTable::~LevelTable() {
  for (const Entry& entry : entries_) {
    if (entry.references > 0 && entry.on_heap()) std::free(entry.heap_text);
  }
}

std::uint32_t LevelTable::find(std::string_view level) const noexcept {
  const std::uint32_t hash = hash_of(level);
  const std::size_t mask = table_.size() - 1;
  for (std::size_t slot = hash & mask;; slot = (slot + 1) & mask) {
    const std::uint32_t number = table_[slot];
    if (number == none) return none;
    const Entry& entry = entries_[number];
    if (entry.hash == hash && entry.text() == level) return number;
  }
}

std::uint32_t LevelTable::hold(std::string_view level) {
  if (const std::uint32_t known = find(level); known != none) {
    ++entries_[known].references;
    return known;
  }
  if (crowded(size_ + 1, table_.size())) rehash(table_.size() * 2);
  std::uint32_t number = free_;
  if (number == none) {
    number = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    free_ = entries_[number].size;
  }
  Entry& entry = entries_[number];
  entry.hash = hash_of(level);
  entry.references = 1;
  entry.size = static_cast<std::uint32_t>(level.size());
  char* place = entry.inline_text;
  if (entry.on_heap()) {
    place = entry.heap_text = static_cast<char*>(std::malloc(level.size()));
    if (place == nullptr) throw std::bad_alloc();
  }
  if (!level.empty()) std::memcpy(place, level.data(), level.size());
  ++size_;
  std::size_t slot = entry.hash & (table_.size() - 1);
  while (table_[slot] != none) slot = (slot + 1) & (table_.size() - 1);
  table_[slot] = number;
  return number;
}

std::size_t LevelTable::slot_of(std::uint32_t number) const noexcept {
  std::size_t slot = entries_[number].hash & (table_.size() - 1);
  while (table_[slot] != number) slot = (slot + 1) & (table_.size() - 1);
  return slot;
}

void LevelTable::release(std::uint32_t number) {
  Entry& entry = entries_[number];
  if (--entry.references > 0) return;
  // Those behind the hole move up, so that no search ends early.
  const std::size_t mask = table_.size() - 1;
  std::size_t hole = slot_of(number);
  for (std::size_t next = (hole + 1) & mask; table_[next] != none; next = (next + 1) & mask) {
    const std::size_t home = entries_[table_[next]].hash & mask;
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    table_[hole] = table_[next];
    hole = next;
  }
  table_[hole] = none;
  if (entry.on_heap()) std::free(entry.heap_text);
  entry.size = free_;
  free_ = number;
  --size_;
}

void LevelTable::rehash(std::size_t slots) {
  table_.assign(slots, none);
  for (std::uint32_t number = 1; number < entries_.size(); ++number) {
    if (entries_[number].references == 0) continue;
    std::size_t slot = entries_[number].hash & (slots - 1);
    while (table_[slot] != none) slot = (slot + 1) & (slots - 1);
    table_[slot] = number;
  }
}

std::string_view LevelTable::text(std::uint32_t number) const noexcept {
  return entries_[number].text();
}

std::size_t LevelTable::size() const noexcept { return size_; }

LevelTree::LevelTree() : nodes_(1), edges_(slots_min, none) {}

std::size_t LevelTree::home_slot(NodeIndex parent, std::uint32_t level) const noexcept {
  return mix(std::uint64_t{parent} << 32U | level) & (edges_.size() - 1);
}

LevelTree::NodeIndex LevelTree::child(NodeIndex parent, std::uint32_t level) const noexcept {
  if (level == LevelTable::none) return none;
  const std::size_t mask = edges_.size() - 1;
  for (std::size_t slot = home_slot(parent, level);; slot = (slot + 1) & mask) {
    const NodeIndex node = edges_[slot];
    if (node == none) return none;
    if (nodes_[node].parent == parent && nodes_[node].level == level) return node;
  }
}

LevelTree::NodeIndex LevelTree::find(std::string_view path) const noexcept {
  NodeIndex node = root;
  for (mqtt::LevelCursor cursor(path); node != none && cursor.next();) {
    node = child(node, levels_.find(cursor.level()));
  }
  return node;
}

LevelTree::NodeIndex LevelTree::add(std::string_view path) {
  NodeIndex node = root;
  for (mqtt::LevelCursor cursor(path); cursor.next();) {
    const NodeIndex known = child(node, levels_.find(cursor.level()));
    node = known != none ? known : add_child(node, cursor.level());
  }
  return node;
}

LevelTree::NodeIndex LevelTree::add_child(NodeIndex parent, std::string_view level) {
  if (crowded(edge_count_ + 1, edges_.size())) rehash(edges_.size() * 2);
  NodeIndex node = free_;
  if (node == none) {
    node = static_cast<NodeIndex>(nodes_.size());
    nodes_.emplace_back();
  } else {
    free_ = nodes_[node].next;
    nodes_[node] = Node{};
  }
  Node& made = nodes_[node];
  made.parent = parent;
  made.level = levels_.hold(level);
  Node& above = nodes_[parent];
  made.next = above.first;
  if (above.first != none) nodes_[above.first].previous = node;
  above.first = node;
  if (level == "+") above.plus = node;
  if (level == "#") above.hash = node;
  insert_edge(node);
  ++edge_count_;
  return node;
}

void LevelTree::insert_edge(NodeIndex node) noexcept {
  std::size_t slot = home_slot(nodes_[node].parent, nodes_[node].level);
  while (edges_[slot] != none) slot = (slot + 1) & (edges_.size() - 1);
  edges_[slot] = node;
}

void LevelTree::erase_edge(NodeIndex node) noexcept {
  const std::size_t mask = edges_.size() - 1;
  std::size_t hole = home_slot(nodes_[node].parent, nodes_[node].level);
  while (edges_[hole] != node) hole = (hole + 1) & mask;
  for (std::size_t next = (hole + 1) & mask; edges_[next] != none; next = (next + 1) & mask) {
    const Node& other = nodes_[edges_[next]];
    const std::size_t home = home_slot(other.parent, other.level);
    if (((next - home) & mask) < ((next - hole) & mask)) continue;
    edges_[hole] = edges_[next];
    hole = next;
  }
  edges_[hole] = none;
}

void LevelTree::rehash(std::size_t slots) {
  const std::vector<NodeIndex> old = std::move(edges_);
  edges_.assign(slots, none);
  for (const NodeIndex node : old) {
    if (node != none) insert_edge(node);
  }
}

void LevelTree::clear_value(NodeIndex node) {
  nodes_[node].value = 0;
  while (node != root && nodes_[node].value == 0 && nodes_[node].first == none) {
    const NodeIndex parent = nodes_[node].parent;
    remove(node);
    node = parent;
  }
}

void LevelTree::remove(NodeIndex node) {
  Node& gone = nodes_[node];
  Node& above = nodes_[gone.parent];
  erase_edge(node);
  --edge_count_;
  if (gone.previous != none) nodes_[gone.previous].next = gone.next;
  if (gone.next != none) nodes_[gone.next].previous = gone.previous;
  if (above.first == node) above.first = gone.next;
  if (above.plus == node) above.plus = none;
  if (above.hash == node) above.hash = none;
  levels_.release(gone.level);
  gone = Node{};
  gone.next = free_;
  free_ = node;
}

std::string LevelTree::path(NodeIndex node) const {
  std::vector<std::string_view> levels;
  for (; node != root; node = nodes_[node].parent) levels.push_back(level_text(node));
  std::string text;
  for (std::size_t i = levels.size(); i-- > 0;) {
    text += levels[i];
    if (i > 0) text += '/';
  }
  return text;
}

}  // namespace broker
