#include "tools/darter-bench/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <variant>

#include "tools/darter-bench/text.h"

namespace bench {
namespace {

using Member = std::variant<bool Options::*, std::uint32_t Options::*, double Options::*,
                            std::string Options::*>;

/// A row of the table that the reader and the help are made from.
struct Option {
  std::string_view name;
  std::string_view value;  // its name in --help; empty for a flag
  Member member;
  double least = 0;
  double most = 0;
  std::string_view help;
};

constexpr std::array table{
    Option{"--port", "N", &Options::port, 1, 65'535, "the broker's port on 127.0.0.1 (1883)"},
    Option{"--receive-port", "N", &Options::receive_port, 1, 65'535,
           "subscribers go there: a bridge is between the two"},
    Option{"--ws", "", &Options::websocket, 0, 0, "MQTT over WebSocket"},
    Option{"--tls", "", &Options::tls, 0, 0, "over TLS, whatever the broker's certificate says"},
    Option{"--path", "PATH", &Options::path, 0, 0, "of the WebSocket (/mqtt)"},
    Option{"--mqtt", "N", &Options::mqtt, 4, 5, "protocol level: 4 is 3.1.1, 5 is 5.0 (4)"},
    Option{"--pid", "N", &Options::pid, 1, 4'194'304, "the broker's process, to measure it"},
    Option{"--qos", "N", &Options::qos, 0, 2, "of messages and subscriptions (0)"},
    Option{"--size", "BYTES", &Options::payload_bytes, 16, 16'777'216, "payload (64)"},
    Option{"--publishers", "N", &Options::publishers, 1, 10'000, "or pairs, or those at rest"},
    Option{"--subscribers", "N", &Options::subscribers, 1, 10'000, "or persistent sessions"},
    Option{"--receivers", "N", &Options::receivers, 1, 10'000, "of each message (many: 5)"},
    Option{"--window", "N", &Options::window, 1, 30'000, "messages under way by publisher (100)"},
    Option{"--others", "N", &Options::others, 0, 10'000'000, "subscriptions that match nothing"},
    Option{"--count", "N", &Options::count, 1, 100'000'000, "messages or connections in all"},
    Option{"--at-once", "N", &Options::at_once, 1, 10'000, "connections being opened (64)"},
    Option{"--users", "N", &Options::users, 1, 10'000, "returning: names, bench-0 and so on"},
    Option{"--password", "TEXT", &Options::password, 0, 0, "of all of them"},
    Option{"--keep-alive", "SECONDS", &Options::keep_alive_seconds, 1, 65'535,
           "of CONNECT; returning: a PINGREQ in each (300)"},
    Option{"--own-topics", "", &Options::own_topics, 0, 0, "offline: a topic for each session"},
    Option{"--online", "", &Options::online, 0, 0, "durable: the session is there"},
    Option{"--folder", "DIR", &Options::folder, 0, 0, "sync: on the disk that is measured (.)"},
    Option{"--rate", "N", &Options::rate_per_second, 1, 1e6, "latency: messages a second (5000)"},
    Option{"--warmup", "SECONDS", &Options::warmup_seconds, 0, 600, "before the measurement (1)"},
    Option{"--seconds", "SECONDS", &Options::seconds, 0.01, 600, "of measurement (2)"},
    Option{"--limit", "SECONDS", &Options::limit_seconds, 1, 3600, "gives up after this (120)"},
    Option{"--spin", "", &Options::spin, 0, 0, "look for input without sleeping"},
    Option{"--help", "", &Options::help, 0, 0, "this text"},
};

constexpr std::size_t help_column = 24;

constexpr std::string_view introduction = R"(Usage: darter-bench SCENARIO [OPTION]...

Loads a broker on this machine, checks that every message arrives once, in order and where it
belongs, and prints one line of JSON. tools/bench runs it against several brokers in turn.

Scenarios:
  pairs     N publishers, each with a subscriber of its own (--publishers 50)
  fanin     N publishers, one subscriber of everything (--publishers 200)
  fanout    one publisher, N subscribers of its topic (--subscribers 500)
  many      groups with wildcards among --others subscriptions (--publishers 100)
  latency   pairs, each message at its time whatever happened before; latency counts from then
  connect   CONNECT, CONNACK, DISCONNECT, --count times (5000)
  retained  --count retained messages for a late subscriber (50000)
  offline   --count messages for persistent sessions that are away, and then come (500 for 100)
  idle      --count connections with a subscription each, at rest (10000 at most)
  durable   N publishers of QoS 1 (--publishers 1), for a persistent session that is away: how long
            PUBACK takes where it means that the message lasts
  returning --count clients at rest (10000) that come back when the broker is restarted; a line on
            the standard error says when all are there for the first time
  sync      no broker: a page of a file is written and synced, again and again

Except in latency and durable a publisher has --window messages under way, published and not yet
received by everybody, and waits when it has; so no broker needs to drop any. In durable they are
under way until they are acknowledged.

)";

constexpr std::string_view examples = R"(
Examples:
  darter-bench pairs --port 1883 --pid $(pidof darter)
  darter-bench pairs --qos 1 --window 1 --publishers 200
  darter-bench many --others 100000 --ws --port 9001
  darter-bench latency --rate 5000 --seconds 10
  darter-bench durable --publishers 64 --window 20
  darter-bench returning --ws --users 100 --password secret --keep-alive 10
  darter-bench sync --folder /var/lib/darter

Exit status: 0 if every count is right, 3 if not, 2 for an error in the arguments.
)";

using Fault = std::expected<void, std::string>;

template <typename Number>
Fault set_number(Number& number, const Option& option, std::string_view word) {
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), number);
  const bool whole = fault == std::errc{} && end == word.data() + word.size();
  const auto value = static_cast<double>(number);
  if (whole && value >= option.least && value <= option.most) return {};
  return std::unexpected(text_of(option.name, " wants a number from ", option.least, " to ",
                                 option.most, ", not '", word, "'"));
}

/// Stores the value of an option; `word` is empty for a flag.
Fault store(Options& options, const Option& option, const std::string& word) {
  if (const auto* flag = std::get_if<bool Options::*>(&option.member)) {
    options.*(*flag) = true;
  } else if (const auto* text = std::get_if<std::string Options::*>(&option.member)) {
    options.*(*text) = word;
  } else if (const auto* count = std::get_if<std::uint32_t Options::*>(&option.member)) {
    return set_number(options.*(*count), option, word);
  } else if (const auto* amount = std::get_if<double Options::*>(&option.member)) {
    return set_number(options.*(*amount), option, word);
  }
  return {};
}

/// Takes one option and its value off the front of `words`.
Fault take_option(Options& options, std::span<const std::string>& words) {
  const std::string name = words.front() == "-h" ? "--help" : words.front();
  const auto* const option = std::ranges::find(table, name, &Option::name);
  words = words.subspan(1);
  if (option == table.end()) return std::unexpected("there is no option " + name);
  if (option->value.empty()) return store(options, *option, {});
  if (words.empty()) return std::unexpected(name + " wants a value");
  const std::string& value = words.front();
  words = words.subspan(1);
  return store(options, *option, value);
}

}  // namespace

std::expected<Options, std::string> read_options(std::span<const std::string> words) {
  Options options;
  while (!words.empty()) {
    if (!words.front().starts_with('-') && options.scenario.empty()) {
      options.scenario = words.front();
      words = words.subspan(1);
    } else if (const auto taken = take_option(options, words); !taken) {
      return std::unexpected(taken.error());
    }
  }
  if (options.scenario.empty() && !options.help) return std::unexpected("a scenario is wanted");
  return options;
}

std::string help_text() {
  std::string text(introduction);
  text += "Options:\n";
  for (const Option& option : table) {
    std::string left = text_of("  ", option.name, " ", option.value);
    left.resize(help_column, ' ');
    text += text_of(left, option.help, "\n");
  }
  text += examples;
  return text;
}

}  // namespace bench
