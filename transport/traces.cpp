#include "transport/traces.h"

#include <algorithm>
#include <utility>

namespace transport {

std::expected<std::shared_ptr<Trace>, std::string> Traces::begin(TraceFilter filter,
                                                                 broker::Instant now) {
  expire(now);
  auto* const place = std::ranges::find(list_.traces, nullptr);
  if (place == list_.traces.end()) {
    return std::unexpected("There are " + std::to_string(TraceList::traces_max) +
                           " traces already: end one of them.");
  }
  *place = std::make_shared<Trace>(++last_number_, std::move(filter), now);
  put_in_force();
  return *place;
}

std::shared_ptr<Trace> Traces::find(std::uint64_t number, broker::Instant now) {
  expire(now);
  for (const std::shared_ptr<Trace>& each : list_.traces) {
    if (each != nullptr && each->number() == number) return each;
  }
  return nullptr;
}

bool Traces::end(std::uint64_t number) {
  for (std::shared_ptr<Trace>& each : list_.traces) {
    if (each == nullptr || each->number() != number) continue;
    each.reset();
    put_in_force();
    return true;
  }
  return false;
}

std::vector<std::shared_ptr<Trace>> Traces::all(broker::Instant now) {
  expire(now);
  std::vector<std::shared_ptr<Trace>> found;
  for (const std::shared_ptr<Trace>& each : list_.traces) {
    if (each != nullptr) found.push_back(each);
  }
  return found;
}

void Traces::expire(broker::Instant now) {
  bool changed = false;
  for (std::shared_ptr<Trace>& each : list_.traces) {
    if (each == nullptr || !each->is_over(now)) continue;
    each.reset();
    changed = true;
  }
  if (changed) put_in_force();
}

}  // namespace transport
