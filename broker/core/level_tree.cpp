#include "broker/core/level_tree.h"

#include <cassert>

#include "broker/wire/topic.h"

namespace broker {
namespace {

std::uint32_t edge_hash(LevelTree::NodeIndex parent, std::uint32_t level) noexcept {
  std::uint64_t hash = (std::uint64_t{parent} << 32U | level) * 0x9E3779B97F4A7C15U;
  hash = (hash ^ hash >> 32U) * 0xD6E8FEB86659FD93U;
  return static_cast<std::uint32_t>(hash >> 32U);
}

}  // namespace

LevelTree::LevelTree() { (void)nodes_.take(); }

LevelTree::NodeIndex LevelTree::edge(NodeIndex parent, std::uint32_t level) const noexcept {
  const NodeIndex found = edges_.find(edge_hash(parent, level), [&](NodeIndex node) {
    return nodes_[node].parent == parent && nodes_[node].level == level;
  });
  return found == HashIndex::none ? none : found;  // the root is nobody's child
}

LevelTree::NodeIndex LevelTree::step(NodeIndex parent, std::uint32_t level) const noexcept {
  if (level == LevelTable::plus_number) return nodes_[parent].plus;
  if (level == LevelTable::hash_number) return nodes_[parent].hash;
  return child(parent, level);
}

LevelTree::NodeIndex LevelTree::find(std::string_view path) const noexcept {
  NodeIndex node = root;
  for (mqtt::LevelCursor cursor(path); node != none && cursor.next();) {
    node = step(node, levels_.find(cursor.level()));
  }
  return node;
}

LevelTree::NodeIndex LevelTree::add(std::string_view path) {
  NodeIndex node = root;
  for (mqtt::LevelCursor cursor(path); cursor.next();) {
    const NodeIndex known = step(node, levels_.find(cursor.level()));
    node = known != none ? known : add_child(node, cursor.level());
  }
  return node;
}

LevelTree::NodeIndex LevelTree::add_child(NodeIndex parent, std::string_view level) {
  const NodeIndex node = nodes_.take();
  nodes_[node].parent = parent;
  nodes_[node].level = levels_.hold(level);
  assert(step(parent, nodes_[node].level) == none);
  if (level == "+") {
    nodes_[parent].plus = node;
  } else if (level == "#") {
    nodes_[parent].hash = node;
  } else {
    link(node);
  }
  return node;
}

void LevelTree::link(NodeIndex node) {
  Node& parent = nodes_[nodes_[node].parent];
  const NodeIndex sibling = parent.first;
  parent.first = node;
  if (sibling == none) return;
  nodes_[node].next = sibling;
  nodes_[sibling].previous = node;
  if (nodes_[sibling].next == none) insert_edge(sibling);  // it was alone until now
  insert_edge(node);
}

void LevelTree::unlink(NodeIndex node) {
  const Node& gone = nodes_[node];
  Node& parent = nodes_[gone.parent];
  if (gone.next != none || gone.previous != none) erase_edge(node);
  if (gone.next != none) nodes_[gone.next].previous = gone.previous;
  if (gone.previous != none) {
    nodes_[gone.previous].next = gone.next;
  } else {
    parent.first = gone.next;
  }
  const NodeIndex left = parent.first;
  const bool alone_now = left != none && nodes_[left].next == none;
  if (alone_now) erase_edge(left);
}

void LevelTree::insert_edge(NodeIndex node) {
  edges_.insert(edge_hash(nodes_[node].parent, nodes_[node].level), node);
}

void LevelTree::erase_edge(NodeIndex node) {
  edges_.erase(edge_hash(nodes_[node].parent, nodes_[node].level), node);
}

void LevelTree::clear_value(NodeIndex node) {
  assert(node != none);
  nodes_[node].value = 0;
  prune(node);
}

void LevelTree::unpin(NodeIndex node) {
  const auto pin = pins_.find(node);
  assert(pin != pins_.end());
  if (--pin->second > 0) return;
  pins_.erase(pin);
  prune(node);
}

void LevelTree::prune(NodeIndex node) {
  while (node != root && nodes_[node].value == 0 && nodes_[node].childless()) {
    if (!pins_.empty() && pins_.contains(node)) return;
    const NodeIndex parent = nodes_[node].parent;
    remove(node);
    node = parent;
  }
}

void LevelTree::remove(NodeIndex node) {
  assert(node != root && nodes_[node].childless() && nodes_[node].value == 0);
  Node& parent = nodes_[nodes_[node].parent];
  if (parent.plus == node) {
    parent.plus = none;
  } else if (parent.hash == node) {
    parent.hash = none;
  } else {
    unlink(node);
  }
  levels_.release(nodes_[node].level);
  nodes_.give_back(node);
}

std::string LevelTree::path(NodeIndex node) const {
  std::size_t size = 0;
  for (NodeIndex at = node; at != root; at = nodes_[at].parent) size += level_text(at).size() + 1;
  if (size == 0) return {};
  // Filled from its end, with a slash in front of each level but the first.
  std::string text(size - 1, '/');
  std::size_t end = text.size();
  for (NodeIndex at = node; at != root; at = nodes_[at].parent) {
    const std::string_view level = level_text(at);
    end -= level.size();
    level.copy(text.data() + end, level.size());
    if (end > 0) --end;
  }
  return text;
}

}  // namespace broker
