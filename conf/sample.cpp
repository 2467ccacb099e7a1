#include "conf/sample.h"

#include <array>
#include <vector>

#include "conf/convert.h"
#include "conf/options.h"

namespace conf {
namespace {

constexpr std::size_t columns = 100;

enum class Part { globals, listener };

/// Text folded into lines that begin with `prefix`.
std::string folded(std::string_view text, std::string_view prefix) {
  std::string result;
  std::string line(prefix);
  for (const auto word : words_of(text)) {
    const bool full = line.size() + 1 + word.size() > columns && line.size() > prefix.size();
    if (full) {
      result += line + "\n";
      line = prefix;
    }
    if (line.size() > prefix.size()) line += ' ';
    line += word;
  }
  return result + line + "\n";
}

/// "Default: 20. Range: ..." as far as there is something to say.
std::string facts(const Option& option) {
  std::string text;
  if (!option.default_text.empty()) {
    text += " Default: " + std::string(option.default_text);
    if (!option.units.empty()) text += " " + std::string(option.units);
    text += ".";
  } else if (!option.units.empty()) {
    text += " In " + std::string(option.units) + ".";
  }
  if (option.type == Type::choice || option.type == Type::log_destination ||
      option.type == Type::duration) {
    text += " It is " + range_of(option) + ".";
  }
  if (!option.reloadable) text += " Read at start only.";
  if (option.availability == Availability::nothing_stored) text += " Nothing is stored yet.";
  return text;
}

/// The values that a sample shows: several for an option that is repeated.
std::vector<std::string> shown_values(const Option& option) {
  std::vector<std::string> values;
  const auto words = words_of(example_of(option));
  if (option.repeated && option.type == Type::choice) {
    values.assign(words.begin(), words.end());
  } else {
    values.emplace_back(example_of(option));
  }
  return values;
}

std::string toml_line(const Option& option) {
  std::string list;
  for (const std::string& each : shown_values(option)) {
    const bool bare = option.type == Type::flag || option.type == Type::integer;
    list += (list.empty() ? "" : ", ") + (bare ? each : toml_string(each));
  }
  if (option.repeated) list = "[" + list + "]";
  return "#" + toml_key(option.name) + " = " + list + "\n";
}

std::string mosquitto_line(const Option& option) {
  std::string lines;
  for (const std::string& each : shown_values(option)) {
    lines += "#" + std::string(option.name) + " " + each + "\n";
  }
  return lines;
}

bool is_shown(const Option& option, Part part, Form not_this_form) {
  const bool usable = option.availability == Availability::works ||
                      option.availability == Availability::nothing_stored;
  const bool listener = option.scope == Scope::listener;
  return usable && option.form != not_this_form && option.type != Type::heading &&
         listener == (part == Part::listener);
}

template <typename Line>
std::string section(Part part, Form not_this_form, Line line) {
  std::string text;
  for (const Option& option : options()) {
    const bool head =
        option.name == "port" || option.name == "bind_address" || option.name == "unix_socket_path";
    if (head || !is_shown(option, part, not_this_form)) continue;
    text += "\n" + folded(std::string(option.help) + facts(option), "# ") + line(option);
  }
  return text;
}

constexpr std::string_view introduction =
    "Every option that works, each as a comment with its default or an example. Without any, the "
    "broker listens on port 1883 of this machine only and lets everybody in. After a change: "
    "check it with darter --test-config -c FILE, then reload with SIGHUP.";

/// What may not stand in a manual page as it is.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char each : text) {
    if (each == '\\') {
      result += "\\e";
    } else if (each == '-') {
      result += "\\-";
    } else {
      result += each;
    }
  }
  return result;
}

std::string manual_availability(const Option& option) {
  switch (option.availability) {
    case Availability::works:
    case Availability::nothing_stored:
      return "";
    case Availability::ignored:
      return " Accepted without effect: " + std::string(option.note) + ".";
    case Availability::not_built_in:
      break;
  }
  return " Not built in yet.";
}

std::string manual_entry(const Option& option) {
  std::string text = ".TP\n.B " + escaped(option.name) + "\n";
  text += escaped(std::string(option.help) + facts(option) + manual_availability(option));
  if (!option.aliases.empty()) text += " Also: " + escaped(option.aliases) + ".";
  if (option.form == Form::mosquitto_only) text += " In mosquitto.conf only.";
  if (option.form == Form::toml_only) text += " In darter.toml only.";
  return text + "\n";
}

struct Chapter {
  Scope scope;
  std::string_view title;
};

constexpr auto chapters = std::to_array<Chapter>({{Scope::global, "OPTIONS OF THE BROKER"},
                                                  {Scope::security, "SECURITY OPTIONS"},
                                                  {Scope::listener, "OPTIONS OF A LISTENER"},
                                                  {Scope::plugin, "PLUGINS"},
                                                  {Scope::bridge, "BRIDGES"}});

}  // namespace

std::string sample_toml() {
  std::string text = "# darter.toml\n#\n" + folded(introduction, "# ");
  text += section(Part::globals, Form::mosquitto_only, toml_line);
  text += "\n" +
          folded(
              "A listener; there may be several. It has a port, and an address unless all are "
              "meant; or the path of a unix socket (unix_socket_path) instead of both. The "
              "security options above may stand here too, and win over those above.",
              "# ") +
          "#[[listener]]\n#port = 1883\n#bind_address = \"127.0.0.1\"\n";
  return text + section(Part::listener, Form::mosquitto_only, toml_line);
}

std::string sample_mosquitto() {
  std::string text = "# mosquitto.conf\n#\n" + folded(introduction, "# ");
  text += section(Part::globals, Form::toml_only, mosquitto_line);
  text += "\n" +
          folded(
              "A listener; there may be several: listener PORT [ADDRESS], or listener 0 PATH "
              "for a unix socket. What follows belongs to it.",
              "# ") +
          "#listener 1883 127.0.0.1\n";
  return text + section(Part::listener, Form::toml_only, mosquitto_line);
}

std::string manual_page() {
  std::string text =
      ".TH DARTER.CONF 5 \"\" darter \"File formats\"\n.SH NAME\n"
      "darter.conf \\- configuration of the MQTT broker darter\n.SH DESCRIPTION\n"
      "darter reads two forms of one configuration, told apart by content: mosquitto.conf, as\n"
      "Mosquitto reads it, and darter.toml, with the same names: options of the broker at the top\n"
      "level, one [[listener]] table for each listener, arrays for what may be repeated.\n"
      "All errors are reported at once, with file and line. SIGHUP reads the file again.\n";
  for (const Chapter& chapter : chapters) {
    text += ".SH " + std::string(chapter.title) + "\n";
    for (const Option& option : options()) {
      if (option.scope == chapter.scope) text += manual_entry(option);
    }
  }
  return text + ".SH SEE ALSO\n.BR darter (8)\n";
}

std::string sample_of(std::string_view form) {
  if (form == "toml") return sample_toml();
  if (form == "mosquitto") return sample_mosquitto();
  if (form == "man") return manual_page();
  return "";
}

}  // namespace conf
