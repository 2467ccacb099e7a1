#include "broker/core/topic_trie.h"

#include <algorithm>

namespace broker {

TopicTrie::TopicTrie() : lists_(1) {}
TopicTrie::~TopicTrie() = default;

Subscriber* TopicTrie::lookup(FilterIndex filter, const Subscriber& subscriber) {
  const std::uint32_t list = tree_.value(filter);
  if (list == 0) return nullptr;
  Subscribers& stored = lists_[list];
  if (!stored.many) return stored.one.same_as(subscriber) ? &stored.one : nullptr;
  const auto found = std::ranges::find_if(
      *stored.many, [&](const Subscriber& other) { return other.same_as(subscriber); });
  return found == stored.many->end() ? nullptr : &*found;
}

const Subscriber* TopicTrie::find(FilterIndex filter, const Subscriber& subscriber) const {
  const std::uint32_t list = tree_.value(filter);
  if (list == 0) return nullptr;
  for (const Subscriber& other : lists_[list].view()) {
    if (other.same_as(subscriber)) return &other;
  }
  return nullptr;
}

TopicTrie::Insertion TopicTrie::insert(std::string_view filter, const Subscriber& subscriber) {
  const FilterIndex node = tree_.add(filter);
  if (Subscriber* const known = lookup(node, subscriber)) {
    *known = subscriber;
    return {node, Stored::replaced};
  }
  ++size_;
  std::uint32_t list = tree_.value(node);
  if (list != 0) {
    Subscribers& stored = lists_[list];
    if (!stored.many) stored.many = std::make_unique<std::vector<Subscriber>>(1, stored.one);
    stored.many->push_back(subscriber);
    return {node, Stored::fresh};
  }
  if (free_list_ != 0) {
    list = free_list_;
    free_list_ = lists_[list].next_free;
  } else {
    list = static_cast<std::uint32_t>(lists_.size());
    lists_.emplace_back();
  }
  lists_[list].one = subscriber;
  tree_.set_value(node, list);
  return {node, Stored::fresh};
}

std::optional<TopicTrie::FilterIndex> TopicTrie::erase(std::string_view filter,
                                                       const Subscriber& subscriber) {
  const FilterIndex node = tree_.find(filter);
  if (node == LevelTree::none || find(node, subscriber) == nullptr) return std::nullopt;
  erase(node, subscriber);
  return node;
}

void TopicTrie::erase(FilterIndex filter, const Subscriber& subscriber) {
  const std::uint32_t list = tree_.value(filter);
  Subscribers& stored = lists_[list];
  --size_;
  if (stored.many) {
    std::erase_if(*stored.many, [&](const Subscriber& other) { return other.same_as(subscriber); });
    if (stored.many->size() > 1) return;
    stored.one = stored.many->front();
    stored.many.reset();
    return;
  }
  stored.next_free = free_list_;
  free_list_ = list;
  tree_.clear_value(filter);
}

}  // namespace broker
