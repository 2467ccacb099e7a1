#include "broker/core/top_sketch.h"

#include <algorithm>
#include <cassert>
#include <functional>

namespace broker {

void TopSketch::add(std::string_view text, double weight, double other) {
  assert(weight >= 0 && other >= 0);
  const std::uint64_t hash = std::hash<std::string_view>{}(text);
  const std::string_view begin = text.substr(0, text_bytes_max);
  const auto found = std::ranges::find_if(
      entries_, [&](const Entry& each) { return each.hash == hash && each.text == begin; });
  Entry& entry = found != entries_.end() ? *found : replace(text, hash);
  entry.weight += weight;
  entry.other += other;
}

TopSketch::Entry& TopSketch::replace(std::string_view text, std::uint64_t hash) {
  if (entries_.size() < entries_max) {
    entries_.emplace_back();
  } else {
    std::ranges::swap(*std::ranges::min_element(entries_, {}, &Entry::weight), entries_.back());
  }
  Entry& entry = entries_.back();
  entry.hash = hash;
  entry.error = entry.weight;
  entry.other = 0;
  entry.text = text.substr(0, text_bytes_max);
  entry.is_cut = text.size() > text_bytes_max;
  return entry;
}

void TopSketch::decay(double factor) {
  assert(factor >= 0 && factor <= 1);
  constexpr double weight_min = 1e-3;
  for (Entry& each : entries_) {
    each.weight *= factor;
    each.error *= factor;
    each.other *= factor;
  }
  std::erase_if(entries_, [](const Entry& each) { return each.weight < weight_min; });
}

}  // namespace broker
