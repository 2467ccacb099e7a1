#include "conf/sample.h"

#include <vector>

#include "conf/convert.h"
#include "conf/manual.h"
#include "conf/options.h"
#include "conf/prose.h"

namespace conf {
namespace {

enum class Part { globals, listener, bridge };

/// The values that a sample shows: several for an option that is repeated.
std::vector<std::string> shown_values(const Option& option, FileForm form) {
  std::vector<std::string> values;
  if (option.example.empty() && !option.mosquitto_default.empty()) {
    values.emplace_back(default_in(form, option));
    return values;
  }
  const auto words = words_of(example_of(option));
  const bool one_each = option.type == Type::choice || option.type == Type::networks;
  if (option.repeated && one_each) {
    values.assign(words.begin(), words.end());
  } else {
    values.emplace_back(example_of(option));
  }
  return values;
}

std::string toml_line(const Option& option) {
  std::string list;
  for (const std::string& each : shown_values(option, FileForm::toml)) {
    const bool bare = option.type == Type::flag || option.type == Type::integer;
    list += (list.empty() ? "" : ", ") + (bare ? each : toml_string(each));
  }
  if (option.repeated) list = "[" + list + "]";
  return "#" + toml_key(option.name) + " = " + list + "\n";
}

std::string mosquitto_line(const Option& option) {
  std::string lines;
  for (const std::string& each : shown_values(option, FileForm::mosquitto)) {
    lines += "#" + std::string(option.name) + " " + each + "\n";
  }
  return lines;
}

Part part_of(const Option& option) {
  if (option.scope == Scope::bridge) return Part::bridge;
  return option.scope == Scope::listener ? Part::listener : Part::globals;
}

bool is_shown(const Option& option, Part part, bool toml) {
  const bool usable = option.availability == Availability::works;
  return usable && (toml || option.form == Form::both) && option.type != Type::heading &&
         part_of(option) == part;
}

template <typename Line>
std::string section(Part part, bool toml, Line line) {
  std::string text;
  for (const Option& option : options()) {
    const bool head = option.name == "port" || option.name == "bind_address" ||
                      option.name == "unix_socket_path" || option.name == "name";
    if (head || !is_shown(option, part, toml)) continue;
    text += "\n" + folded(std::string(option.help) + facts_of(option), "# ") + line(option);
  }
  return text;
}

/// The part about bridges; empty for as long as they are not built in.
std::string bridge_part(bool toml) {
  std::string options = section(Part::bridge, toml, toml ? toml_line : mosquitto_line);
  if (options.empty()) return options;
  return "\n" +
         folded("A bridge to another broker; there may be several. What follows belongs to it.",
                "# ") +
         (toml ? "#[[connection]]\n#name = \"bridge-name\"\n" : "#connection bridge-name\n") +
         options;
}

/// The part about listeners of HTTP, whose options are those of the listeners behind it.
std::string http_part(std::string_view lines) {
  return "\n" + folded(find_option("http_listener")->help, "# ") + std::string(lines);
}

constexpr std::string_view introduction =
    "Every option that works, each as a comment with its default or an example. Without any, the "
    "broker listens on port 1883 of this machine only and lets everybody in. After a change: "
    "check it with darter --test-config -c FILE, then reload with SIGHUP.";

}  // namespace

std::string sample_toml() {
  std::string text = "# darter.toml\n#\n" + folded(introduction, "# ");
  text += section(Part::globals, true, toml_line);
  text += http_part("#[[http_listener]]\n#port = 9100\n");
  text += "\n" +
          folded(
              "A listener; there may be several. It has a port, and an address unless all are "
              "meant; or the path of a unix socket (unix_socket_path) instead of both. The "
              "security options above may stand here too, and win over those above.",
              "# ") +
          "#[[listener]]\n#port = 1883\n#bind_address = \"127.0.0.1\"\n";
  return text + section(Part::listener, true, toml_line) + bridge_part(true);
}

std::string sample_mosquitto() {
  std::string text = "# mosquitto.conf\n#\n" + folded(introduction, "# ");
  text += section(Part::globals, false, mosquitto_line);
  text += http_part("#http_listener 9100\n");
  text += "\n" +
          folded(
              "A listener; there may be several: listener PORT [ADDRESS], or listener 0 PATH "
              "for a unix socket. What follows belongs to it.",
              "# ") +
          "#listener 1883 127.0.0.1\n";
  return text + section(Part::listener, false, mosquitto_line) + bridge_part(false);
}

std::string sample_of(std::string_view form) {
  if (form == "toml") return sample_toml();
  if (form == "mosquitto") return sample_mosquitto();
  if (form == "man") return configuration_manual();
  if (form == "man8") return program_manual();
  return "";
}

}  // namespace conf
