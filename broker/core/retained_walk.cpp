#include "broker/core/retained_walk.h"

#include <cassert>

#include "broker/wire/topic.h"

namespace broker {

RetainedWalk::RetainedWalk(Retained& retained, std::string_view filter)
    : retained_(retained), filter_(filter), began_(retained.updates_) {
  for (mqtt::LevelCursor cursor(filter_); cursor.next();) levels_.push_back(cursor.level());
}

// [MQTT-4.7.2-1]
bool RetainedWalk::is_hidden(NodeIndex child) const noexcept {
  return way_.size() == 1 && way_.front().level == 0 && tree().level_text(child).starts_with('$');
}

void RetainedWalk::pin() {
  assert(!pinned_);
  for (const Place& place : way_) {
    if (place.child != LevelTree::none) retained_.tree_.pin(place.child);
  }
  pinned_ = true;
}

void RetainedWalk::unpin() {
  if (!pinned_) return;
  pinned_ = false;
  for (const Place& place : way_) {
    if (place.child != LevelTree::none) retained_.tree_.unpin(place.child);
  }
}

}  // namespace broker
