#include "broker/cluster/lasting_interest.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cluster {
namespace {

// The trie has one subscriber: some session.
constexpr broker::Subscriber some_session{};

std::vector<std::string> filters_of(const std::vector<SessionState::Subscription>& subscriptions) {
  std::vector<std::string> filters;
  filters.reserve(subscriptions.size());
  for (const auto& one : subscriptions) filters.push_back(one.filter);
  std::ranges::sort(filters);
  const auto rest = std::ranges::unique(filters);
  filters.erase(rest.begin(), rest.end());
  return filters;
}

}  // namespace

void LastingInterest::set(std::string_view client_id,
                          const std::vector<SessionState::Subscription>& now) {
  std::vector<std::string> filters = filters_of(now);
  const auto known = sessions_.try_emplace(std::string(client_id)).first;
  if (known->second != filters) {
    std::vector<std::string> fresh;
    std::vector<std::string> gone;
    std::ranges::set_difference(filters, known->second, std::back_inserter(fresh));
    std::ranges::set_difference(known->second, filters, std::back_inserter(gone));
    for (const std::string& filter : fresh) add(filter);
    for (const std::string& filter : gone) remove(filter);
  }
  if (filters.empty()) {
    sessions_.erase(known);
  } else {
    known->second = std::move(filters);
  }
}

bool LastingInterest::wants(std::string_view topic) const {
  bool found = false;
  trie_.match(topic, [&](const broker::Subscriber&) { found = true; });
  return found;
}

void LastingInterest::add(const std::string& filter) {
  if (++counts_[filter] == 1) trie_.insert(filter, some_session);
}

void LastingInterest::remove(const std::string& filter) {
  const auto count = counts_.find(filter);
  if (--count->second > 0) return;
  trie_.erase(filter, some_session);
  counts_.erase(count);
}

}  // namespace cluster
