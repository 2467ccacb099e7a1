#include "transport/trace.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/wire/topic.h"

namespace transport {

std::string_view name_of(TraceKind kind) noexcept {
  switch (kind) {
    case TraceKind::connection:
      return "connection";
    case TraceKind::in:
      return "in";
    case TraceKind::out:
      return "out";
    case TraceKind::decision:
      break;
  }
  return "decision";
}

// Steps back to the last * only, so it takes at most pattern times text.
bool fits_pattern(std::string_view pattern, std::string_view text) noexcept {
  std::size_t at = 0;
  std::size_t place = 0;
  std::size_t star = pattern.npos;
  std::size_t star_place = 0;
  while (place < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      star_place = place;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[place])) {
      ++at;
      ++place;
    } else if (star != pattern.npos) {
      at = star + 1;
      place = ++star_place;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == pattern.npos;
}

bool Trace::follows_client(std::string_view client_id) const {
  return filter_.client && fits_pattern(*filter_.client, client_id);
}

bool Trace::follows_address(const PeerAddress& address) const {
  return filter_.address && filter_.address->contains(address);
}

std::string Trace::literal_prefix(std::string_view filter) {
  const std::size_t wildcard = filter.find_first_of("+#");
  if (wildcard == filter.npos) return std::string(filter);
  // "a/#" matches "a", too.
  const bool after_slash = filter[wildcard] == '#' && wildcard > 0;
  return std::string(filter.substr(0, after_slash ? wildcard - 1 : wildcard));
}

// Every message of the broker is asked about: most differ in the first level.
bool Trace::follows_topic(std::string_view topic) const {
  return filter_.topic && topic.starts_with(topic_prefix_) && mqtt::matches(*filter_.topic, topic);
}

void Trace::add(TraceRecord record) {
  const std::lock_guard lock(mutex_);
  if (records_.size() >= records_max) return lose();
  record.number = next_number_++;
  records_.push_back(std::move(record));
  waiting_.store(records_.size(), std::memory_order_relaxed);
}

Trace::Page Trace::read(std::uint64_t after, std::size_t most, broker::Instant now) {
  read_at_milliseconds_.store(now.milliseconds, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  while (!records_.empty() && records_.front().number <= after) records_.pop_front();
  waiting_.store(records_.size(), std::memory_order_relaxed);
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, records_.size()));
  Page page;
  page.records.assign(records_.begin(), std::next(records_.begin(), count));
  page.lost = lost_.load(std::memory_order_relaxed);
  return page;
}

namespace {

template <typename Follows>
TraceSet set_of(const TraceList& list, Follows&& follows) {
  unsigned set = 0;
  for (std::size_t i = 0; i < TraceList::traces_max; ++i) {
    if (list.traces[i] != nullptr && follows(*list.traces[i])) set |= 1U << i;
  }
  return static_cast<TraceSet>(set);
}

}  // namespace

bool TraceList::empty() const noexcept {
  return std::ranges::all_of(traces, [](const auto& each) { return each == nullptr; });
}

bool TraceList::names_clients() const noexcept {
  return std::ranges::any_of(
      traces, [](const auto& each) { return each != nullptr && each->filter().client; });
}

bool TraceList::has_topics() const noexcept {
  return std::ranges::any_of(
      traces, [](const auto& each) { return each != nullptr && each->filter().topic; });
}

TraceSet TraceList::of_client(std::string_view client_id) const {
  return set_of(*this, [&](const Trace& trace) { return trace.follows_client(client_id); });
}

TraceSet TraceList::of_address(const PeerAddress& address) const {
  return set_of(*this, [&](const Trace& trace) { return trace.follows_address(address); });
}

TraceSet TraceList::of_topic(std::string_view topic) const {
  return set_of(*this, [&](const Trace& trace) { return trace.follows_topic(topic); });
}

}  // namespace transport
