#include "broker/core/topic_trie.h"

#include <cassert>

namespace broker {

TopicTrie::TopicTrie() { (void)only_.take(); }
TopicTrie::~TopicTrie() = default;

const Subscriber* TopicTrie::find(FilterIndex filter, const Subscriber& subscriber) const {
  const std::uint32_t value = tree_.value(filter);
  if (value == 0) return nullptr;
  if ((value & several) != 0) return lists_[value & ~several].find(subscriber);
  return only_[value].same_as(subscriber) ? &only_[value] : nullptr;
}

TopicTrie::Insertion TopicTrie::insert(std::string_view filter, const Subscriber& subscriber) {
  assert(!filter.empty());
  const FilterIndex node = tree_.add(filter);
  if (!store(node, subscriber)) return {node, Stored::replaced};
  ++size_;
  return {node, Stored::fresh};
}

bool TopicTrie::store(FilterIndex filter, const Subscriber& subscriber) {
  const std::uint32_t value = tree_.value(filter);
  if ((value & several) != 0) return lists_[value & ~several].insert(subscriber);
  if (value == 0) {
    const std::uint32_t number = only_.take();
    assert(number != 0 && (number & several) == 0);
    only_[number] = subscriber;
    tree_.set_value(filter, number);
    return true;
  }
  if (only_[value].same_as(subscriber)) {
    only_[value] = subscriber;
    return false;
  }
  const std::uint32_t list = lists_.take();
  lists_[list].insert(only_[value]);
  lists_[list].insert(subscriber);
  only_.give_back(value);
  tree_.set_value(filter, list | several);
  return true;
}

std::optional<TopicTrie::FilterIndex> TopicTrie::erase(std::string_view filter,
                                                       const Subscriber& subscriber) {
  const FilterIndex node = tree_.find(filter);
  if (node == LevelTree::none || !remove(node, subscriber)) return std::nullopt;
  --size_;
  return node;
}

void TopicTrie::erase(FilterIndex filter, const Subscriber& subscriber) {
  if (remove(filter, subscriber)) --size_;
}

bool TopicTrie::remove(FilterIndex filter, const Subscriber& subscriber) {
  const std::uint32_t value = tree_.value(filter);
  if (value == 0) return false;
  if ((value & several) == 0) {
    if (!only_[value].same_as(subscriber)) return false;
    only_.give_back(value);
    tree_.clear_value(filter);
    return true;
  }
  const std::uint32_t list = value & ~several;
  if (!lists_[list].erase(subscriber)) return false;
  if (lists_[list].view().size() > 1) return true;
  const std::uint32_t number = only_.take();
  only_[number] = lists_[list].view().front();
  lists_.give_back(list);
  tree_.set_value(filter, number);
  return true;
}

}  // namespace broker
