#include "broker/cluster/announced_filters.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "broker/cluster/subject.h"
#include "broker/wire/topic.h"

namespace cluster {

/// A level of the tree, with all filters that begin with the levels down to it.
struct AnnouncedFilters::Level {
  std::map<std::string, std::unique_ptr<Level>, std::less<>> below;
  std::size_t filters = 0;         // different ones that end here or below
  std::uint32_t times = 0;         // that the filter which ends here was added
  std::uint64_t closed_round = 0;  // the last one in which a prefix stood for its parts

  [[nodiscard]] bool has_hash() const { return below.contains("#"); }
  /// The number of parts in place of its prefix.
  [[nodiscard]] std::size_t parts() const { return below.size() + (times > 0 ? 1 : 0); }
};

namespace {

constexpr std::string_view hash_end = "/#";

/// The filter that is counted in place of `filter`: itself, unless it is long.
std::optional<std::string> shortened(std::string_view filter) {
  if (mqtt::is_sys(filter)) return std::nullopt;
  if (tokens_bytes(filter) <= tokens_bytes_max) return std::string(filter);
  std::size_t end = 0;
  std::size_t tokens = 0;
  mqtt::LevelCursor levels(filter);
  while (levels.next()) {
    // The prefix has ".>" behind its tokens.
    tokens += tokens_bytes(levels.level()) + 1;
    if (tokens + 1 > tokens_bytes_max) break;
    end = static_cast<std::size_t>(levels.level().data() - filter.data()) + levels.level().size();
  }
  if (tokens_bytes(filter.substr(0, filter.find('/'))) + 2 > tokens_bytes_max) {
    if (filter.starts_with('$')) return std::nullopt;
    return "#";
  }
  return std::string(filter.substr(0, end)).append(hash_end);
}

std::string_view first_level(std::string_view filter) { return filter.substr(0, filter.find('/')); }

}  // namespace

/// Finds the set for update(): begins with few prefixes, and opens those for which there is room.
class AnnouncedFilters::Plan {
 public:
  Plan(const Limits& limits, std::uint64_t round) : limits_(limits), round_(round) {}

  /// All filters below a level; `path` has the levels down to it, and ends with '/' unless it is
  /// empty.
  void place(Level& level, std::string path) { keep(part_for(level, std::move(path))); }

  void open_prefixes() {
    for (;;) {
      if (fits(open_, 1)) {
        open_first(open_);
      } else if (fits(closed_, 2)) {
        // Closed in the last round: its parts have to fit twice.
        open_first(closed_);
      } else {
        return;
      }
    }
  }

  /// Ends the plan. Returns the set.
  std::set<std::string, std::less<>> take() {
    for (auto* const queue : {&open_, &closed_}) {
      for (auto& [order, prefix] : *queue) {
        prefix.level->closed_round = round_;
        chosen_.insert(prefix.path + "#");
      }
    }
    return std::move(chosen_);
  }
  [[nodiscard]] std::size_t prefixes() const { return open_.size() + closed_.size(); }
  [[nodiscard]] std::size_t looked_at() const { return looked_at_; }

 private:
  /// A filter of the set. `level`: the filter is a prefix, and may be opened.
  struct Part {
    Level* level = nullptr;
    std::string text;  // of a prefix without its "#"

    [[nodiscard]] std::size_t bytes() const { return text.size() + (level != nullptr ? 1 : 0); }
  };
  struct Prefix {
    Level* level = nullptr;
    std::string path;
    std::optional<std::vector<Part>> parts;  // found when they were needed
    std::size_t parts_bytes = 0;
  };
  // The fewest parts first: prefixes that stand for many stay.
  using Queue = std::map<std::pair<std::size_t, std::string>, Prefix>;

  Part part_for(Level& level, std::string path) {
    ++looked_at_;
    if (level.filters == 1) return {nullptr, only_filter(level, std::move(path))};
    // "a/#" of a client covers all below "a".
    if (level.has_hash()) return {nullptr, std::move(path) + "#"};
    return {&level, std::move(path)};
  }
  /// The text of the one filter at a level or below. `path` ends with '/', or is empty.
  std::string only_filter(const Level& level, std::string path) {
    const Level* at = &level;
    for (; at->times == 0; at = at->below.begin()->second.get()) {
      path.append(at->below.begin()->first) += '/';
      ++looked_at_;
    }
    path.pop_back();
    return path;
  }
  std::vector<Part> parts_of(const Prefix& prefix) {
    std::vector<Part> parts;
    if (prefix.level->times > 0) {
      parts.push_back({nullptr, prefix.path.substr(0, prefix.path.size() - 1)});
    }
    for (auto& [name, level] : prefix.level->below) {
      parts.push_back(part_for(*level, prefix.path + name + '/'));
    }
    return parts;
  }

  void keep(Part part) {
    ++filters_;
    bytes_ += part.bytes();
    if (part.level == nullptr) return static_cast<void>(chosen_.insert(std::move(part.text)));
    const bool was_closed = part.level->closed_round + 1 == round_;
    std::pair order{part.level->parts(), part.text};
    (was_closed ? closed_ : open_)
        .emplace(std::move(order), Prefix{part.level, std::move(part.text), std::nullopt, 0});
  }
  /// Whether the first of a queue may be opened, so that all of it would fit `times` times.
  [[nodiscard]] bool fits(Queue& queue, std::size_t times) {
    if (queue.empty()) return false;
    Prefix& prefix = queue.begin()->second;
    if ((filters_ - 1 + prefix.level->parts()) * times > limits_.filters_max) return false;
    if (!prefix.parts) {
      prefix.parts = parts_of(prefix);
      for (const Part& part : *prefix.parts) prefix.parts_bytes += part.bytes();
    }
    return (bytes_ - (prefix.path.size() + 1) + prefix.parts_bytes) * times <= limits_.bytes_max;
  }
  void open_first(Queue& queue) {
    const Prefix prefix = std::move(queue.extract(queue.begin()).mapped());
    --filters_;
    bytes_ -= prefix.path.size() + 1;
    for (const Part& part : *prefix.parts) keep(part);
  }

  const Limits& limits_;
  std::uint64_t round_;
  Queue open_;    // prefixes that were no prefixes in the last round
  Queue closed_;  // those that were
  std::set<std::string, std::less<>> chosen_;
  std::size_t filters_ = 0;
  std::size_t bytes_ = 0;
  std::size_t looked_at_ = 0;
};

AnnouncedFilters::AnnouncedFilters(Limits limits)
    : limits_(limits), topics_(std::make_unique<Level>()), dollars_(std::make_unique<Level>()) {
  assert(limits.filters_max > limits.dollar_levels_max);
}

AnnouncedFilters::~AnnouncedFilters() = default;

std::size_t AnnouncedFilters::filters() const noexcept {
  return topics_->filters + dollars_->filters;
}

void AnnouncedFilters::add(std::string_view filter) {
  const auto counted = shortened(filter);
  if (!counted) return;
  if (!counted->starts_with('$')) return count(*topics_, *counted);
  const std::string_view first = first_level(*counted);
  if (!dollars_->below.contains(first)) dollar_level_came(first);
  count(*dollars_, *counted);
}

void AnnouncedFilters::remove(std::string_view filter) {
  const auto counted = shortened(filter);
  if (!counted) return;
  if (!counted->starts_with('$')) return static_cast<void>(discount(*topics_, *counted));
  const std::string_view first = first_level(*counted);
  if (discount(*dollars_, *counted) && !dollars_->below.contains(first)) dollar_level_went(first);
}

void AnnouncedFilters::count(Level& root, std::string_view filter) {
  Level* level = &root;
  mqtt::LevelCursor levels(filter);
  std::vector<Level*> path{level};
  while (levels.next()) {
    auto found = level->below.find(levels.level());
    if (found == level->below.end()) {
      found = level->below.emplace(levels.level(), std::make_unique<Level>()).first;
    }
    level = found->second.get();
    path.push_back(level);
  }
  if (++level->times > 1) return;
  for (Level* const each : path) ++each->filters;
  changed_ = true;
}

bool AnnouncedFilters::discount(Level& root, std::string_view filter) {
  Level* level = &root;
  mqtt::LevelCursor levels(filter);
  std::vector<std::pair<Level*, std::string_view>> path;  // each with the next one's name
  while (levels.next()) {
    path.emplace_back(level, levels.level());
    const auto found = level->below.find(levels.level());
    if (found == level->below.end()) return false;
    level = found->second.get();
  }
  if (level->times == 0) return false;
  if (--level->times > 0) return false;
  changed_ = true;
  --level->filters;
  for (auto each = path.rbegin(); each != path.rend(); ++each) {
    const auto child = each->first->below.find(each->second);
    if (child->second->filters == 0) each->first->below.erase(child);
    --each->first->filters;
  }
  return true;
}

void AnnouncedFilters::dollar_level_came(std::string_view level) {
  const bool has_room = admitted_.size() < limits_.dollar_levels_max;
  (has_room ? admitted_ : waiting_).emplace(level);
}

void AnnouncedFilters::dollar_level_went(std::string_view level) {
  if (const auto waiting = waiting_.find(level); waiting != waiting_.end()) {
    waiting_.erase(waiting);
    return;
  }
  admitted_.erase(admitted_.find(level));
  if (!waiting_.empty()) admitted_.insert(waiting_.extract(waiting_.begin()));
}

AnnouncedFilters::Changes AnnouncedFilters::update() {
  Changes changes;
  if (!std::exchange(changed_, false)) return changes;
  Plan plan(limits_, ++round_);
  if (topics_->filters > 0) plan.place(*topics_, {});
  for (const std::string& first : admitted_) {
    plan.place(*dollars_->below.find(first)->second, first + '/');
  }
  plan.open_prefixes();
  prefixes_ = plan.prefixes();
  looked_at_ = plan.looked_at();
  std::set<std::string, std::less<>> now = plan.take();
  std::ranges::set_difference(now, announced_, std::back_inserter(changes.added));
  std::ranges::set_difference(announced_, now, std::back_inserter(changes.removed));
  announced_ = std::move(now);
  return changes;
}

}  // namespace cluster
