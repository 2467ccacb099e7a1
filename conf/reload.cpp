#include "conf/reload.h"

#include <optional>
#include <string>

namespace conf {
namespace {

std::string text_of(const Option& option, const WrittenOptions& options) {
  const auto found = options.find(&option);
  if (found == options.end()) return std::string(option.default_text);
  std::string text;
  for (const Value& value : found->second) {
    text += (text.empty() ? "" : ", ") + to_text(option, value);
  }
  return text;
}

/// The value of an option that is not set.
std::optional<Value> default_of(const Option& option) {
  if (auto value = parse_value(option, option.default_text)) return *value;
  if (option.type == Type::text) return Value(std::string());
  return std::nullopt;
}

}  // namespace

std::vector<OptionChange> changed_options(const WrittenOptions& before,
                                          const WrittenOptions& after) {
  std::vector<OptionChange> changes;
  for (const Option& option : options()) {
    if (option.availability != Availability::works) continue;
    std::string old = text_of(option, before);
    std::string now = text_of(option, after);
    if (old != now) changes.push_back({&option, std::move(old), std::move(now)});
  }
  return changes;
}

void keep_start_values(Settings& settings, const WrittenOptions& start,
                       const WrittenOptions& read) {
  Listener nobody;
  for (const auto& [option, values] : read) {
    if (option->reloadable || option->apply == nullptr || start.contains(option)) continue;
    if (const auto value = default_of(*option)) option->apply(settings, nobody, *value);
  }
  for (const auto& [option, values] : start) {
    if (option->reloadable || option->apply == nullptr) continue;
    for (const Value& value : values) option->apply(settings, nobody, value);
  }
}

}  // namespace conf
