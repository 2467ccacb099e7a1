#include "conf/help.h"

#include <array>
#include <cstddef>

#include "conf/ask_line.h"
#include "conf/explain_line.h"
#include "conf/prose.h"

namespace conf {
namespace {

constexpr auto example_rows = std::to_array<Example>({
    {"darter", "MQTT on port 1883 of this machine only"},
    {"darter -v -p 1884", "another port, and a log of everything"},
    {"darter -c /etc/mosquitto/mosquitto.conf", "serve what Mosquitto served"},
    {"darter --test-config -c darter.toml", "is the file good?"},
    {"darter --reload -c darter.toml", "take over what was changed in the file"},
    {"darter --import mosquitto.db -c darter.toml", "take over what Mosquitto had stored"},
    {"darter --backup store.backup -c darter.toml", "keep what is stored, while the broker runs"},
    {"darter doctor -c darter.toml", "what will go wrong, here and in nginx?"},
    {"darter adopt", "what would change if darter took Mosquitto's place?"},
    {"darter explain takeover", "what does that line of the log mean?"},
});

constexpr auto adopt_example_rows = std::to_array<Example>({
    {"darter adopt", "look, and change nothing"},
    {"darter adopt --apply", "move in"},
    {"darter adopt --keep --apply", "the same, with mosquitto.conf as it is"},
    {"darter adopt --undo", "back to Mosquitto"},
});

constexpr auto explain_example_rows = std::to_array<Example>({
    {"darter explain takeover", "what is it, and what to do?"},
    {"darter explain --json", "all events, for a program"},
});

constexpr auto doctor_example_rows = std::to_array<Example>({
    {"darter doctor -c /etc/darter/darter.toml", "with /etc/nginx/nginx.conf, if it is there"},
    {"darter doctor -c /etc/mosquitto/mosquitto.conf", "before Mosquitto is replaced"},
    {"darter doctor -c darter.toml --nginx mqtt.conf", "a file of sites-enabled alone will do"},
});

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace

std::string help_line(const ArgumentText& argument) {
  constexpr std::size_t names_width = 28;
  std::string names = argument.short_name.empty() ? "      " : "  -x, ";
  if (!argument.short_name.empty()) names.replace(2, 2, argument.short_name);
  names += argument.long_name;
  if (!argument.value_name.empty()) names += " " + std::string(argument.value_name);
  std::string text = padded(names, names_width);
  // Beside a name that is too long there is no room.
  std::size_t column = names.size() > names_width ? text_columns : names_width;
  for (const auto word : words_of(argument.help)) {
    if (column + 1 + word.size() > text_columns) {
      text += "\n" + std::string(names_width, ' ');
      column = names_width;
    }
    text += " " + std::string(word);
    column += 1 + word.size();
  }
  return text + "\n";
}

std::string examples_text(std::span<const Example> rows) {
  constexpr std::size_t command_width = 50;
  std::string text = "Examples:\n";
  for (const Example& each : rows) {
    text += "  " + padded(std::string(each.command), command_width);
    text += std::string(each.meaning) + "\n";
  }
  return text;
}

std::span<const Example> examples() { return example_rows; }
std::span<const Example> doctor_examples() { return doctor_example_rows; }
std::span<const Example> explain_examples() { return explain_example_rows; }
std::span<const Example> adopt_examples() { return adopt_example_rows; }

std::string help_text(std::string_view version) {
  std::string text =
      "darter version " + std::string(version) +
      "\n\n"
      "Usage: " +
      std::string(usage_text) + "\n       " + std::string(doctor_usage_text) + "\n       " +
      std::string(adopt_usage_text) + "\n       " + std::string(explain_usage_text) +
      "\n\n"
      "darter is an MQTT broker (5.0, 3.1.1 and 3.1) that takes Mosquitto's place.\n\n";
  for (const ArgumentText& each : argument_texts()) text += help_line(each);
  text += "\nCommands that ask a running broker; darter COMMAND --help tells more:\n";
  for (const AskCommand& each : ask_commands()) {
    text += help_line({"", each.name, each.operands, each.help});
  }
  text += "\n" + examples_text(examples());
  return text + "\n" + folded("Exit status: " + std::string(exit_status_text), "");
}

std::string doctor_help_text() {
  std::string text = "Usage: " + std::string(doctor_usage_text) + "\n\n" + folded(doctor_text, "");
  text += "\n";
  for (const ArgumentText& each : argument_texts()) {
    if (each.long_name == "--config-file" || each.long_name == "--nginx") text += help_line(each);
  }
  text += "\n" + examples_text(doctor_examples());
  return text + "\n" + folded("Exit status: " + std::string(doctor_status_text), "");
}

std::string adopt_help_text() {
  std::string text = "Usage: " + std::string(adopt_usage_text) + "\n\n" + folded(adopt_text, "");
  text += "\n";
  for (const ArgumentText& each : argument_texts()) {
    if (each.long_name == "--config-file" || each.help.starts_with("Of darter adopt")) {
      text += help_line(each);
    }
  }
  text += "\n" + examples_text(adopt_examples());
  return text + "\n" + folded("Exit status: " + std::string(adopt_status_text), "");
}

std::string explain_help_text() {
  std::string text =
      "Usage: " + std::string(explain_usage_text) + "\n\n" + folded(explain_text, "") + "\n";
  for (const ArgumentText& each : explain_options()) text += help_line(each);
  text += "\n" + examples_text(explain_examples());
  return text + "\n" + folded("Exit status: " + std::string(explain_status_text), "");
}

std::string version_text(std::string_view version) {
  return "darter version " + std::string(version) + "\nLicence: MIT\n";
}

}  // namespace conf
