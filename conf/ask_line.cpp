#include "conf/ask_line.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <ranges>
#include <utility>

#include "conf/nearest.h"
#include "conf/prose.h"

namespace conf {
namespace {

/// "limit" of "--limit"
std::string_view word_of(const ArgumentText& option) { return option.long_name.substr(2); }

/// The sentence about a value of an option for numbers that is none, or too large; empty: all is
/// well.
std::string fault_of(const ArgumentText& option, std::string_view value) {
  struct Numbers {
    std::string_view name;
    std::uint32_t most;
  };
  constexpr auto numbers = std::to_array<Numbers>(
      {{"--limit", 10'000}, {"--count", 10'000}, {"--interval", 3'600}, {"--for", 86'400}});
  const auto* const of = std::ranges::find(numbers, option.long_name, &Numbers::name);
  if (of == numbers.end()) return {};
  std::uint32_t number = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_whole = read.ec == std::errc() && read.ptr == value.data() + value.size();
  if (is_whole && number >= 1 && number <= of->most) return {};
  return "'" + std::string(option.long_name) + "' wants a number from 1 to " +
         std::to_string(of->most) + ", not '" + std::string(value) + "'";
}

/// Whether a text is one of "a|b|c".
bool is_choice(std::string_view text, std::string_view choices) {
  for (const auto choice : std::views::split(choices, '|')) {
    if (std::string_view(choice) == text) return true;
  }
  return false;
}

class AskParser {
 public:
  AskParser(const AskCommand& command, std::span<const std::string_view> arguments)
      : arguments_(arguments), operands_(command.operands) {
    line_.command = &command;
  }
  std::expected<AskLine, Diagnostics> parse();

 private:
  void argument(std::string_view text);
  void option(const ArgumentText& option, std::string_view value);
  void operand(std::string_view text);
  void missing_operand();
  void unknown(std::string_view text);
  [[nodiscard]] const ArgumentText* find(std::string_view name) const;
  [[nodiscard]] bool take_value(std::string_view text, const ArgumentText& option,
                                std::string_view& value);
  void error(std::string text) {
    errors_.push_back(
        {.severity = Severity::error, .file = {}, .line = 0, .text = std::move(text)});
  }

  std::span<const std::string_view> arguments_;
  std::size_t next_ = 0;
  std::string_view operands_;  // of the command, that are still to come
  AskLine line_;
  Diagnostics errors_;
};

std::expected<AskLine, Diagnostics> AskParser::parse() {
  while (next_ < arguments_.size() && !line_.help) argument(arguments_[next_++]);
  if (line_.help) return std::move(line_);
  if (!operands_.empty()) missing_operand();
  if (!errors_.empty()) return std::unexpected(std::move(errors_));
  return std::move(line_);
}

void AskParser::missing_operand() {
  const AskCommand& command = *line_.command;
  if (!operands_.starts_with('[')) {
    return error("'" + std::string(command.name) +
                 "' needs an operand: " + ask_usage_text(command));
  }
  if (std::ranges::find(line_.words, "delete") != line_.words.end()) {
    error("'--delete' needs a topic: darter retained TOPIC --delete");
  }
}

void AskParser::argument(std::string_view text) {
  if (text.size() < 2 || !text.starts_with('-')) return operand(text);
  const std::string_view name = text.substr(0, text.find('='));
  const ArgumentText* const found = find(name);
  if (found == nullptr) return unknown(name);
  std::string_view value;
  if (take_value(text, *found, value)) option(*found, value);
}

const ArgumentText* AskParser::find(std::string_view name) const {
  for (const std::span<const ArgumentText> options :
       {line_.command->options, ask_common_options()}) {
    const auto found = std::ranges::find_if(options, [&](const ArgumentText& each) {
      return name == each.long_name || name == each.short_name;
    });
    if (found != options.end()) return &*found;
  }
  return nullptr;
}

bool AskParser::take_value(std::string_view text, const ArgumentText& option,
                           std::string_view& value) {
  const auto equals = text.find('=');
  if (option.value_name.empty()) {
    if (equals == text.npos) return true;
    error("'" + std::string(option.long_name) + "' takes no value");
    return false;
  }
  if (equals != text.npos) {
    value = text.substr(equals + 1);
  } else if (next_ < arguments_.size()) {
    value = arguments_[next_++];
  }
  if (!value.empty()) return true;
  error("'" + std::string(option.long_name) + "' needs a value: " + std::string(option.long_name) +
        " " + std::string(option.value_name));
  return false;
}

void AskParser::option(const ArgumentText& option, std::string_view value) {
  if (const auto fault = fault_of(option, value); !fault.empty()) return error(fault);
  if (option.long_name == "--help") {
    line_.help = true;
  } else if (option.long_name == "--json") {
    line_.json = true;
  } else if (option.long_name == "--config-file") {
    line_.config_file = value;
  } else if (option.value_name.empty()) {
    line_.words.emplace_back(word_of(option));
  } else {
    line_.words.push_back(std::string(word_of(option)) + "=" + std::string(value));
  }
}

void AskParser::operand(std::string_view text) {
  if (operands_.empty()) return unknown(text);
  if (text.empty()) return error("The operand is empty");
  const std::string_view wanted = operands_.substr(0, operands_.find(' '));
  operands_.remove_prefix(std::min(operands_.size(), wanted.size() + 1));
  if (!std::islower(static_cast<unsigned char>(wanted.front()))) {
    line_.words.push_back("of=" + std::string(text));
  } else if (!is_choice(text, wanted)) {
    error("'" + std::string(text) + "' is not " + std::string(wanted) + ": " +
          ask_usage_text(*line_.command));
  } else if (wanted != text) {
    line_.words.push_back("do=" + std::string(text));
  }
}

void AskParser::unknown(std::string_view text) {
  std::vector<std::string_view> names;
  for (const ArgumentText& each : line_.command->options) names.push_back(each.long_name);
  for (const ArgumentText& each : ask_common_options()) names.push_back(each.long_name);
  const std::string_view right = text.starts_with("--") ? nearest(text, names) : "";
  const std::string command(line_.command->name);
  error("Unknown argument '" + std::string(text) + "' of darter " + command + "; " +
        (right.empty() ? "darter " + command + " --help lists them"
                       : "did you mean '" + std::string(right) + "'?"));
}

}  // namespace

const AskCommand* find_ask_command(std::string_view name) {
  const std::span<const AskCommand> all = ask_commands();
  const auto found = std::ranges::find(all, name, &AskCommand::name);
  return found == all.end() ? nullptr : &*found;
}

std::string_view AskLine::value_of(std::string_view name) const {
  for (const std::string& word : words) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      return std::string_view(word).substr(name.size() + 1);
    }
  }
  return {};
}

std::expected<AskLine, Diagnostics> parse_ask_line(const AskCommand& command,
                                                   std::span<const std::string_view> arguments) {
  return AskParser(command, arguments).parse();
}

std::string ask_usage_text(const AskCommand& command) {
  std::string text = "darter " + std::string(command.name);
  if (!command.operands.empty()) text += " " + std::string(command.operands);
  for (const ArgumentText& option : command.options) {
    text += " [" + std::string(option.long_name);
    if (!option.value_name.empty()) text += " " + std::string(option.value_name);
    text += "]";
  }
  return text + " [-c FILE] [--json]";
}

std::string ask_help_text(const AskCommand& command) {
  std::string text =
      folded("Usage: " + ask_usage_text(command), "") + "\n" + folded(command.help, "") + "\n";
  for (const ArgumentText& option : command.options) text += help_line(option);
  for (const ArgumentText& option : ask_common_options()) text += help_line(option);
  text += "\n" +
          folded(
              "Exit status: 0 if the broker has answered, 1 if it has not or has nothing of that "
              "name, 3 for wrong arguments.",
              "") +
          "\n" + examples_text(command.examples);
  return text;
}

}  // namespace conf
