#include "broker/server/cluster/filter_counts.h"

#include <cassert>
#include <utility>

#include "broker/wire/topic.h"

namespace server {

void FilterCounts::filter_added(std::string_view filter) {
  if (mqtt::is_sys(filter)) return;
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    auto found = counts_.find(filter);
    if (found == counts_.end()) found = counts_.emplace(std::string(filter), Count{}).first;
    if (found->second.subscriptions++ == 0) first = note(*found);
  }
  if (first) ring_();
}

void FilterCounts::filter_removed(std::string_view filter) {
  if (mqtt::is_sys(filter)) return;
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = counts_.find(filter);
    assert(found != counts_.end() && found->second.subscriptions > 0);
    if (--found->second.subscriptions == 0) first = note(*found);
  }
  if (first) ring_();
}

bool FilterCounts::note(Counts::value_type& entry) {
  if (std::exchange(entry.second.changed, true)) return false;
  changed_.push_back(&entry);
  ++mark_;
  return changed_.size() == 1;
}

FilterCounts::Changes FilterCounts::take_changes() {
  const std::scoped_lock lock(mutex_);
  Changes taken;
  taken.mark = mark_;
  for (Counts::value_type* const entry : std::exchange(changed_, {})) {
    Count& count = entry->second;
    count.changed = false;
    const bool is_there = count.subscriptions > 0;
    if (is_there != count.told) taken.changes.push_back({entry->first, is_there});
    count.told = is_there;
    if (!is_there) counts_.erase(counts_.find(entry->first));
  }
  return taken;
}

}  // namespace server
