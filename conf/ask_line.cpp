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

constexpr auto common_options = std::to_array<ArgumentText>({
    {"-c", "--config-file", "FILE",
     "The configuration of the broker that is asked. Without it /etc/darter/darter.toml, "
     "or /etc/mosquitto/mosquitto.conf if only that one has a running broker."},
    {"", "--json", "", "Print the broker's answer as JSON."},
    {"-h", "--help", "", "Print this and exit."},
});

constexpr ArgumentText limit_option{"", "--limit", "N", "Show so many at most, 1 to 10000."};

constexpr auto clients_options = std::to_array<ArgumentText>({
    {"", "--filter", "KEY=PATTERN",
     "Only clients whose KEY has a value of that pattern, in which * stands for any text and ? for "
     "a character. KEY is id, user, address, listener, version or connected (yes, no). If given "
     "several times, all must hold."},
    {"", "--sort", "KEY",
     "The first of all by: queue, the most bytes waiting; rate, the most messages a second in the "
     "last seconds, from the client and to it; age, connected for the longest time; "
     "silent, nothing heard for the longest time; dropped, the most messages lost; id. Shows 20 "
     "unless --limit says more."},
    limit_option,
});

constexpr auto clients_examples = std::to_array<Example>({
    {"darter clients", "all sessions, of clients that are away too"},
    {"darter clients --sort queue", "which client is too slow?"},
    {"darter clients --sort rate", "which client sends or gets the most?"},
    {"darter clients --filter user=a --filter id=s-*", "both must hold"},
});

constexpr auto client_examples = std::to_array<Example>({
    {"darter client sensor-7", "where it comes from, what it subscribes to, what waits for it"},
});

constexpr auto kick_examples = std::to_array<Example>({
    {"darter kick sensor-7", "it may connect again at once"},
});

constexpr auto sessions_options = std::to_array<ArgumentText>({
    {"", "--forget", "ID",
     "End the session of this client, with all that waits in it, and its connection if it has one. "
     "Its will is published."},
    limit_option,
});

constexpr auto sessions_examples = std::to_array<Example>({
    {"darter sessions", "sessions whose clients are away"},
    {"darter sessions --forget old-device", "free what an abandoned device holds"},
});

constexpr auto retained_options = std::to_array<ArgumentText>({
    {"", "--delete", "",
     "Remove the retained message of one topic, FILTER without wildcards. Clients that subscribe "
     "to it get an empty message."},
    limit_option,
});

constexpr auto retained_examples = std::to_array<Example>({
    {"darter retained 'home/#'", "topics, sizes, beginnings of payloads"},
    {"darter retained home/old/lamp --delete", "of one topic"},
});

constexpr auto bans_options = std::to_array<ArgumentText>({
    {"", "--lift", "ADDRESS",
     "End the ban of this address, or of the network that it belongs to. Its failed logins are "
     "forgotten."},
    limit_option,
});

constexpr auto bans_examples = std::to_array<Example>({
    {"darter bans", "addresses that may not log in, and for how long"},
    {"darter bans --lift 192.0.2.7", "let it try again"},
});

constexpr auto acl_options = std::to_array<ArgumentText>({
    {"", "--user", "NAME", "The user; without it a client that gives no user name."},
    {"", "--client", "ID", "The client identifier, for patterns with %c."},
    {"", "--address", "ADDRESS", "The client's address, for patterns with %a."},
    {"", "--listener", "PORT", "Only this listener; without it each one that is open."},
});

constexpr auto acl_examples = std::to_array<Example>({
    {"darter acl check --user ann publish home/door", "may she, and why?"},
    {"darter acl check --user ann receive home/door", "may it reach her?"},
});

constexpr auto status_examples = std::to_array<Example>({
    {"darter status", "is it well, and how busy?"},
});

constexpr auto top_options = std::to_array<ArgumentText>({
    {"", "--interval", "SECONDS", "Look again after so long, 1 to 3600; 2 unless told."},
    {"", "--count", "N", "End after so many looks, 1 to 10000; without it at Ctrl-C."},
    {"", "--sort", "KEY",
     "The clients that come first: as darter clients has it; queue unless told."},
    limit_option,
});

constexpr auto top_examples = std::to_array<Example>({
    {"darter top", "rates, and the clients with the most waiting"},
    {"darter top --sort dropped --interval 10", "the clients that lose messages"},
});

constexpr auto trace_options = std::to_array<ArgumentText>({
    {"", "--client", "PATTERN",
     "Follow the clients whose client identifier fits, in which * stands for any text and ? for a "
     "character: from their CONNECT on, those that are refused too."},
    {"", "--topic", "FILTER",
     "Follow each PUBLISH to a topic that this filter matches, from any client: its rights, and "
     "what "
     "becomes of it at each subscriber."},
    {"", "--address", "NETWORK",
     "Follow connections from this address or network, from the first byte on: TLS, WebSocket and "
     "logins that fail too. \"unix\" stands for clients on unix sockets."},
    {"", "--payload", "", "Show the first 256 bytes of payloads, too."},
    {"", "--for", "SECONDS", "End after so long, 1 to 86400; without it at Ctrl-C."},
    {"", "--count", "N", "End after so many lines, 1 to 10000."},
});

constexpr auto trace_examples = std::to_array<Example>({
    {"darter trace --client sensor-7", "its packets both ways, and what the broker decides"},
    {"darter trace --address 192.0.2.0/24", "why does nobody from there get in?"},
    {"darter trace --topic 'home/#' --for 10", "who publishes, and who gets it?"},
});

constexpr auto command_rows = std::to_array<AskCommand>({
    {"status",
     "",
     "Shows the state of a running broker on one screen: problems, clients, rates, memory, "
     "listeners, certificates, bridges.",
     {},
     status_examples},
    {"top", "",
     "Shows the same, the busiest topics and publishers, and the foremost clients, again and "
     "again.",
     top_options, top_examples},
    {"clients", "", "Lists the clients of a running broker, those that are away too.",
     clients_options, clients_examples},
    {"client",
     "ID",
     "Shows one client of a running broker, and its subscriptions.",
     {},
     client_examples},
    {"kick",
     "ID",
     "Disconnects a client of a running broker. Its will is published, and its session stays.",
     {},
     kick_examples},
    {"sessions", "", "Lists the sessions of a running broker whose clients are away.",
     sessions_options, sessions_examples},
    {"retained", "[FILTER]",
     "Lists the retained messages of a running broker that match a topic filter; without one all "
     "but those below $SYS.",
     retained_options, retained_examples},
    {"bans", "", "Lists the addresses that may not log in, because of failed logins.", bans_options,
     bans_examples},
    {"acl", "check publish|subscribe|receive TOPIC",
     "Says whether a client may publish to a topic, subscribe to a filter or receive from a topic, "
     "and which line of the acl_file decides.",
     acl_options, acl_examples},
    {"trace", "",
     "Follows live what happens to clients or topics of a running broker, whatever its log says: "
     "one "
     "of --client, --topic and --address is needed.",
     trace_options, trace_examples},
});

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
       {line_.command->options, std::span<const ArgumentText>(common_options)}) {
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
  for (const ArgumentText& each : common_options) names.push_back(each.long_name);
  const std::string_view right = text.starts_with("--") ? nearest(text, names) : "";
  const std::string command(line_.command->name);
  error("Unknown argument '" + std::string(text) + "' of darter " + command + "; " +
        (right.empty() ? "darter " + command + " --help lists them"
                       : "did you mean '" + std::string(right) + "'?"));
}

}  // namespace

std::span<const AskCommand> ask_commands() { return command_rows; }
std::span<const ArgumentText> ask_common_options() { return common_options; }

const AskCommand* find_ask_command(std::string_view name) {
  const auto* const found = std::ranges::find(command_rows, name, &AskCommand::name);
  return found == command_rows.end() ? nullptr : found;
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
  for (const ArgumentText& option : common_options) text += help_line(option);
  text += "\n" +
          folded(
              "Exit status: 0 if the broker has answered, 1 if it has not or has nothing of that "
              "name, 3 for wrong arguments.",
              "") +
          "\n" + examples_text(command.examples);
  return text;
}

}  // namespace conf
