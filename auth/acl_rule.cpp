#include "auth/acl_rule.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>

namespace auth {
namespace {

using broker::Identity;

/// Cuts the first level and the slash behind it off `rest`; sets `ended` behind the last.
std::string_view take_level(std::string_view& rest, bool& ended) {
  const std::size_t slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  ended = slash == std::string_view::npos;
  rest.remove_prefix(ended ? rest.size() : slash + 1);
  return level;
}

std::vector<std::string_view> levels_of(std::string_view filter) {
  std::vector<std::string_view> levels;
  for (bool ended = false; !ended;) levels.push_back(take_level(filter, ended));
  return levels;
}

bool is_wildcard(std::string_view level) { return level == "+" || level == "#"; }

/// A wildcard in front and a '$' in front never meet [MQTT-4.7.2-1].
bool kept_apart(std::string_view left, std::string_view right) {
  return (left.starts_with('$') && (right.starts_with('+') || right.starts_with('#'))) ||
         (right.starts_with('$') && (left.starts_with('+') || left.starts_with('#')));
}

std::string joined(const std::vector<std::string_view>& levels) {
  std::string text;
  for (const std::string_view level : levels) (text += level) += '/';
  if (!text.empty()) text.pop_back();
  return text;
}

using Levels = std::vector<std::string_view>;

/// `common` and the levels of `levels` from `at` on: those that the other filter matches with its
/// '#'.
std::string rest_from(Levels common, const Levels& levels, std::size_t at) {
  common.insert(common.end(), levels.begin() + static_cast<std::ptrdiff_t>(at), levels.end());
  return joined(common);
}

}  // namespace

AclFilter AclFilter::literal(std::string_view filter, std::uint32_t line) {
  AclFilter made;
  made.line_ = line;
  made.append_filter(filter);
  return made;
}

AclFilter AclFilter::pattern(std::string_view filter, std::string_view user, std::uint32_t line) {
  AclFilter made;
  made.line_ = line;
  while (!filter.empty()) {
    const std::size_t at = std::min({filter.find("%c"), filter.find("%u"), filter.find("%a")});
    made.append_filter(filter.substr(0, at));
    if (at == std::string_view::npos) break;
    const char name = filter[at + 1];
    if (name == 'u') {
      made.append_text(user);
    } else {
      made.steps_.push_back({name == 'c' ? Kind::client_id : Kind::address, {}});
    }
    filter.remove_prefix(at + 2);
  }
  return made;
}

AclFilter AclFilter::pattern_anywhere(std::string_view filter, std::string_view user,
                                      std::uint32_t line) {
  Levels levels = levels_of(filter);
  for (std::string_view& level : levels) {
    if (level.contains("%a")) level = "+";
  }
  return pattern(joined(levels), user, line);
}

/// Appends text without wildcards, to the step before if that is text too.
void AclFilter::append_text(std::string_view text) {
  if (text.empty()) return;
  if (steps_.empty() || steps_.back().kind != Kind::text) steps_.push_back({Kind::text, {}});
  steps_.back().text += text;
}

void AclFilter::append_filter(std::string_view filter) {
  for (std::size_t at = 0; at < filter.size();) {
    const std::size_t wildcard = std::min(filter.find_first_of("+#", at), filter.size());
    append_text(filter.substr(at, wildcard - at));
    if (wildcard < filter.size()) {
      steps_.push_back({filter[wildcard] == '+' ? Kind::one_level : Kind::all_levels, {}});
    }
    at = wildcard + 1;
  }
}

/// Takes the text that `step` matches off the front of `rest`. False if it does not match.
bool AclFilter::step_matches(const Step& step, const Identity& who, std::string_view& rest) {
  if (step.kind == Kind::all_levels) {
    rest = {};
    return true;
  }
  if (step.kind == Kind::one_level) {
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
    return true;
  }
  const std::string_view text = step.kind == Kind::text        ? std::string_view(step.text)
                                : step.kind == Kind::client_id ? who.client_id
                                                               : who.address;
  if (step.kind == Kind::address && text.empty()) return false;
  if (!rest.starts_with(text)) return false;
  rest.remove_prefix(text.size());
  return true;
}

bool AclFilter::names_address() const noexcept {
  return std::ranges::any_of(steps_, [](const Step& step) { return step.kind == Kind::address; });
}

bool AclFilter::matches(std::string_view topic, const Identity& who) const noexcept {
  if (steps_.empty()) return false;
  const Kind first = steps_.front().kind;
  if (topic.starts_with('$') && (first == Kind::one_level || first == Kind::all_levels)) {
    return false;  // [MQTT-4.7.2-1]
  }
  const bool open_ended = steps_.back().kind == Kind::all_levels;
  std::string_view rest = topic;
  for (const Step& step : steps_) {
    // "a/#" matches "a": in front of the '#', the slash alone may be missing (4.7.1.2).
    const bool before_last = open_ended && &step + 1 == &steps_.back();
    if (before_last && step.kind == Kind::text &&
        std::string_view(step.text).substr(0, step.text.size() - 1) == rest) {
      return true;
    }
    if (!step_matches(step, who, rest)) return false;
  }
  return rest.empty();
}

std::string AclFilter::text(const Identity& who) const {
  assert(applies_to(who));
  std::string whole;
  for (const Step& step : steps_) {
    switch (step.kind) {
      case Kind::text:
        whole += step.text;
        break;
      case Kind::client_id:
        whole += who.client_id;
        break;
      case Kind::address:
        whole += who.address;
        break;
      case Kind::one_level:
        whole += '+';
        break;
      case Kind::all_levels:
        whole += '#';
        break;
    }
  }
  return whole;
}

std::string intersection(std::string_view left, std::string_view right) {
  if (kept_apart(left, right)) return {};
  const Levels a = levels_of(left);
  const Levels b = levels_of(right);
  Levels common;
  for (std::size_t at = 0;; ++at) {
    const bool a_ended = at == a.size();
    const bool b_ended = at == b.size();
    if (a_ended && b_ended) return joined(common);
    if (!a_ended && a[at] == "#") return rest_from(std::move(common), b, at);
    if (!b_ended && b[at] == "#") return rest_from(std::move(common), a, at);
    if (a_ended || b_ended) return {};
    if (!is_wildcard(a[at]) && !is_wildcard(b[at]) && a[at] != b[at]) return {};
    common.push_back(is_wildcard(a[at]) ? b[at] : a[at]);
  }
}

bool covers(std::string_view wide, std::string_view narrow) {
  if (kept_apart(wide, narrow)) return false;
  const Levels w = levels_of(wide);
  const Levels n = levels_of(narrow);
  for (std::size_t at = 0;; ++at) {
    const bool w_ended = at == w.size();
    const bool n_ended = at == n.size();
    if (!w_ended && w[at] == "#") return true;
    if (w_ended || n_ended) return w_ended && n_ended;
    if (n[at] == "#" || (w[at] != "+" && w[at] != n[at])) return false;
  }
}

}  // namespace auth
