#include "broker/bridge/topic_split.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "broker/wire/topic.h"

namespace bridge {
namespace {

/// FNV-1a: the same in every process, so that messages which wait in a session since the last
/// process have their topics there still.
std::uint64_t hash_of(std::string_view topic) noexcept {
  std::uint64_t hash = 0xCBF2'9CE4'8422'2325;
  for (const char each : topic) {
    hash ^= static_cast<unsigned char>(each);
    hash *= 0x100'0000'01B3;
  }
  return hash ^ (hash >> 32U);  // its low bits alone are poor
}

std::string local_of(const Mapping& mapping) { return mapping.local_prefix + mapping.pattern; }
std::string remote_of(const Mapping& mapping) { return mapping.remote_prefix + mapping.pattern; }

bool renames_alike(const Mapping& one, const Mapping& other) {
  return one.local_prefix == other.local_prefix && one.remote_prefix == other.remote_prefix;
}

bool has(const std::vector<Filter>& filters, const std::string& text) {
  return std::ranges::find(filters, text, &Filter::text) != filters.end();
}

}  // namespace

bool overlap(std::string_view one, std::string_view other) noexcept {
  mqtt::LevelCursor a(one);
  mqtt::LevelCursor b(other);
  for (;;) {
    const bool more_a = a.next();
    const bool more_b = b.next();
    // "a/#" matches "a", too (4.7.1.2).
    if (!more_a) return !more_b || b.level() == "#";
    if (!more_b) return a.level() == "#";
    if (a.level() == "#" || b.level() == "#") return true;
    if (a.level() != "+" && b.level() != "+" && a.level() != b.level()) return false;
  }
}

TopicSplit::TopicSplit(const std::vector<Mapping>& mappings, std::size_t connections)
    : mappings_(mappings), connections_(connections), map_(mappings) {
  assert(connections > 0);
  for (std::size_t i = 0; i < mappings_.size(); ++i) {
    if (mappings_[i].direction == Direction::out) continue;
    inward_.push_back({.mapping = i,
                       .group = inward_.size(),
                       .local = local_of(mappings_[i]),
                       .remote = without_share(remote_of(mappings_[i]))});
  }
  form_groups();
}

/// Whether messages of both could be copies of one, or a topic that goes out has its name at this
/// broker in one and its name at the other broker in the other.
bool TopicSplit::belong_together(const Inward& one, const Inward& other) const {
  if (overlap(one.local, other.local) || overlap(one.remote, other.remote)) return true;
  const Mapping& first = mappings_[one.mapping];
  const Mapping& second = mappings_[other.mapping];
  return std::ranges::any_of(mappings_, [&](const Mapping& out) {
    if (out.direction == Direction::in) return false;
    if (renames_alike(out, first) && renames_alike(out, second)) return false;
    const std::string local = local_of(out);
    const std::string remote = remote_of(out);
    return (overlap(local, one.local) && overlap(remote, other.remote)) ||
           (overlap(local, other.local) && overlap(remote, one.remote));
  });
}

/// The groups are given to the connections in turn, in the order of the configuration.
void TopicSplit::form_groups() {
  for (std::size_t i = 0; i < inward_.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const std::size_t from = inward_[i].group;
      const std::size_t to = inward_[j].group;
      if (from == to || !belong_together(inward_[i], inward_[j])) continue;
      for (Inward& each : inward_) {
        if (each.group == std::max(from, to)) each.group = std::min(from, to);
      }
    }
  }
  for (std::size_t i = 0; i < inward_.size(); ++i) {
    Inward& each = inward_[i];
    // A group has the index of its first member.
    each.connection = each.group == i ? groups_++ % connections_ : inward_[each.group].connection;
  }
}

std::size_t TopicSplit::connection_of(std::string_view topic) const {
  for (const Inward& each : inward_) {
    if (mqtt::matches(each.local, topic)) return each.connection;
  }
  std::string name;
  if (!inward_.empty() && map_.to_remote(topic, name)) {
    for (const Inward& each : inward_) {
      if (mqtt::matches(each.remote, name)) return each.connection;
    }
  }
  return static_cast<std::size_t>(hash_of(topic) % connections_);
}

TopicSplit::Part TopicSplit::part(std::size_t connection) const {
  assert(connection < connections_);
  Part part;
  for (std::size_t i = 0; i < mappings_.size(); ++i) {
    const auto way = std::ranges::find(inward_, i, &Inward::mapping);
    if (way == inward_.end() || way->connection == connection)
      part.mappings.push_back(mappings_[i]);
  }
  const TopicMap mine(part.mappings);
  for (const Filter& each : map_.local_filters()) {
    if (!has(mine.local_filters(), each.text)) part.local_leftovers.push_back(each.text);
  }
  for (const Filter& each : map_.remote_filters()) {
    if (!has(mine.remote_filters(), each.text)) part.remote_leftovers.push_back(each.text);
  }
  return part;
}

std::size_t TopicSplit::used() const noexcept {
  const bool hashes = std::ranges::any_of(
      mappings_, [](const Mapping& each) { return each.direction == Direction::out; });
  return hashes ? connections_ : std::min(groups_, connections_);
}

}  // namespace bridge
