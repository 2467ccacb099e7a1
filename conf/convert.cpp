#include "conf/convert.h"

#include <set>

namespace conf {
namespace {

std::string place_text(const Place& place) { return place.file + ":" + std::to_string(place.line); }

/// All values of a repeated option as an array, the last value of any other.
std::string values_text(const std::vector<Entry>& entries, const Option& option) {
  if (!option.repeated) {
    return toml_value(option, find_entry(entries, option.name)->value);
  }
  std::string list;
  for (const Entry& each : entries) {
    if (each.option != &option) continue;
    list += (list.empty() ? "" : ", ") + toml_value(option, each.value);
  }
  return "[" + list + "]";
}

std::string heading_of(ListenerKind kind) {
  return kind == ListenerKind::http ? "[[http_listener]]" : "[[listener]]";
}

std::string section(const std::vector<Entry>& entries) {
  std::string text;
  std::set<std::string_view> done;
  for (const Entry& each : entries) {
    const Option& option = *each.option;
    if (!done.insert(option.name).second) continue;
    text += toml_key(option.name) + " = " + values_text(entries, option) + "  # " +
            place_text(each.place) + "\n";
  }
  return text;
}

/// The defaults of a mosquitto.conf where a darter.toml has others, so that the converted file
/// behaves as the one that it comes from.
std::string form_defaults(const Source& source) {
  std::string text;
  for (const Entry& each : source.form_defaults) {
    const std::string_view name = each.option->name;
    if (find_entry(source.globals, name) != nullptr ||
        find_entry(source.default_listener, name) != nullptr) {
      continue;
    }
    text += toml_key(name) + " = " + toml_value(*each.option, each.value) +
            "  # the default of a mosquitto.conf\n";
  }
  return text;
}

}  // namespace

std::string toml_string(std::string_view text) {
  std::string result = "\"";
  for (const char each : text) {
    if (each == '"' || each == '\\') result += '\\';
    result += each;
  }
  return result + '"';
}

std::string toml_key(std::string_view name) {
  return name.find('.') == name.npos ? std::string(name) : toml_string(name);
}

std::string toml_value(const Option& option, const Value& value) {
  const std::string text = to_text(option, value);
  const bool bare = option.type == Type::flag || option.type == Type::integer;
  return bare ? text : toml_string(text);
}

std::string to_toml(const Source& source) {
  std::string text =
      section(source.globals) + form_defaults(source) + section(source.default_listener);
  for (const ListenerSource& listener : source.listeners) {
    text += (text.empty() ? "" : "\n") + heading_of(listener.kind) + "  # " +
            place_text(listener.place) + "\n" + section(listener.entries);
  }
  for (const BridgeSource& bridge : source.bridges) {
    text += (text.empty() ? "" : "\n") + std::string("[[connection]]  # ") +
            place_text(bridge.place) + "\n" + section(bridge.entries);
  }
  return text;
}

}  // namespace conf
