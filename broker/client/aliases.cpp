#include "broker/client/aliases.h"

#include <cassert>

namespace client {

void OutgoingAliases::begin(std::uint16_t most) {
  by_topic_.clear();
  order_.clear();
  most_ = most;
}

OutgoingAliases::Use OutgoingAliases::use(std::string_view topic) {
  if (most_ == 0) return {};
  if (const auto found = by_topic_.find(topic); found != by_topic_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return {found->second->alias, true};
  }
  if (order_.size() < most_) {
    order_.push_front({std::string(topic), static_cast<std::uint16_t>(order_.size() + 1)});
  } else {
    assert(!order_.empty() && by_topic_.size() == order_.size());
    // The topic that was not used for longest gives its alias to this one.
    order_.splice(order_.begin(), order_, std::prev(order_.end()));
    by_topic_.erase(order_.front().topic);
    order_.front().topic = topic;
  }
  by_topic_.emplace(order_.front().topic, order_.begin());
  return {order_.front().alias, false};
}

void IncomingAliases::begin(std::uint16_t most) {
  topics_.clear();
  most_ = most;
}

std::string_view IncomingAliases::find(std::uint16_t alias) const {
  const auto found = topics_.find(alias);
  return found == topics_.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace client
