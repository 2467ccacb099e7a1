#include "broker/cluster/line_filter.h"

namespace cluster {

bool LineFilter::admit(broker::Event event, std::uint8_t subject, std::string_view text,
                       broker::Instant now) {
  const auto found = last_.find({event, subject});
  if (found != last_.end()) {
    Last& last = found->second;
    const std::int64_t age = now.milliseconds - last.time.milliseconds;
    if (age < (last.text == text ? repeat_milliseconds : interval_milliseconds)) return false;
    last = {std::string(text), now};
    return true;
  }
  if (last_.size() == subjects_max) return false;
  last_.insert({{event, subject}, Last{std::string(text), now}});
  return true;
}

}  // namespace cluster
