#include "conf/source.h"

#include <algorithm>
#include <utility>

#include "conf/diagnostic.h"

namespace conf {
namespace {

/// An option that only says "off" asks for nothing that is missing.
bool asks_for_nothing(const Option& option, const Value& value) {
  return option.type == Type::flag && !option.default_text.empty() &&
         to_text(option, value) == option.default_text;
}

bool has_security(const std::vector<Entry>& entries) {
  return std::ranges::any_of(entries, [](const Entry& each) {
    return each.option->scope == Scope::security || each.option->scope == Scope::plugin;
  });
}

}  // namespace

const Entry* find_entry(const std::vector<Entry>& entries, std::string_view name) {
  const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                  [&](const Entry& each) { return each.option->name == name; });
  return found == entries.rend() ? nullptr : &*found;
}

SourceWriter::Owner SourceWriter::begin_listener(const Place& place, ListenerKind kind) {
  source_.listeners.push_back({.place = place, .kind = kind, .entries = {}});
  return static_cast<Owner>(source_.listeners.size() - 1);
}

SourceWriter::Owner SourceWriter::begin_bridge(const Place& place) {
  source_.bridges.push_back({.place = place, .entries = {}});
  return static_cast<Owner>(static_cast<std::ptrdiff_t>(Owner::first_bridge) + 1 -
                            static_cast<std::ptrdiff_t>(source_.bridges.size()));
}

std::vector<Entry>& SourceWriter::entries_of(Owner owner) {
  if (is_bridge(owner)) {
    const auto number =
        static_cast<std::ptrdiff_t>(Owner::first_bridge) - static_cast<std::ptrdiff_t>(owner);
    return source_.bridges[static_cast<std::size_t>(number)].entries;
  }
  if (owner == Owner::globals) return source_.globals;
  if (owner == Owner::default_listener) return source_.default_listener;
  return source_.listeners[static_cast<std::size_t>(owner)].entries;
}

void SourceWriter::set(const Option& option, std::string_view name, const Value& value,
                       const Place& place, Owner owner) {
  comment_on(option, name, value, place);
  entries_of(owner).push_back({.option = &option, .value = value, .place = place});
}

void SourceWriter::set(std::string_view name, const Value& value, const Place& place, Owner owner) {
  const Option* option = find_option(name);
  if (option != nullptr) set(*option, name, value, place, owner);
}

void SourceWriter::comment_on(const Option& option, std::string_view name, const Value& value,
                              const Place& place) {
  if (option.availability == Availability::ignored) {
    remark(Severity::notice, place, quoted(name) + " has no effect: " + std::string(option.note));
  }
  if (option.availability == Availability::lacking && !asks_for_nothing(option, value)) {
    remark(Severity::warning, place, quoted(name) + " has no effect: " + std::string(option.note));
  }
  if (option.availability == Availability::refused) {
    error(place, quoted(name) + " is not supported: " + std::string(option.note));
  }
  if (option.availability == Availability::not_built_in && !asks_for_nothing(option, value)) {
    not_built_in(name, place);
  }
}

bool SourceWriter::is_given_twice(const Option& option, const Place& place, Owner owner) {
  const bool may_stand_once = option.type == Type::text || option.type == Type::addresses;
  if (!may_stand_once || option.repeated) return false;
  const Entry* earlier = find_entry(entries_of(owner), option.name);
  if (earlier == nullptr) return false;
  const std::string where =
      "line " + std::to_string(earlier->place.line) + " of " + earlier->place.file;
  if (option.last_counts) {
    remark(Severity::warning, place,
           quoted(option.name) + " was already given in " + where + ": only this one holds");
    return false;
  }
  error(place, quoted(option.name) + " was already given in " + where);
  return true;
}

bool SourceWriter::has_security() const {
  return conf::has_security(source_.globals) ||
         std::ranges::any_of(source_.listeners, [](const ListenerSource& each) {
           return conf::has_security(each.entries);
         });
}

void SourceWriter::error(const Place& place, std::string text) {
  remark(Severity::error, place, std::move(text));
}

void SourceWriter::remark(Severity severity, const Place& place, std::string text) {
  source_.diagnostics.push_back(
      {.severity = severity, .file = place.file, .line = place.line, .text = std::move(text)});
}

void SourceWriter::unknown(std::string_view name, const Place& place) {
  std::string text = "Unknown option " + quoted(name);
  const std::string_view nearest = nearest_option(name);
  if (!nearest.empty()) text += "; did you mean '" + std::string(nearest) + "'?";
  error(place, text);
}

void SourceWriter::not_built_in(std::string_view name, const Place& place) {
  error(place, "not built in yet: " + std::string(name));
}

Source SourceWriter::take() && { return std::move(source_); }

}  // namespace conf
