#include "broker/server/top_command.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <string_view>
#include <sys/ioctl.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/ask/overview.h"
#include "broker/server/ask/table.h"
#include "broker/server/ask_broker_json.h"

namespace server {
namespace {

using broker::concat;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr int failed = static_cast<int>(conf::ExitCode::unusable_listener);
constexpr std::size_t interval_seconds_usual = 2;
constexpr std::size_t rows_usual = 20;
constexpr const char* top_limit = "limit=3";

/// A status and the time at which it was asked for.
struct Sample {
  Json status;
  Clock::time_point at;
};

std::expected<Sample, std::string> sample(const std::string& file) {
  const Clock::time_point at = Clock::now();
  auto status = ask_once(file, {"status"});
  if (!status) return std::unexpected(status.error());
  return Sample{std::move(*status), at};
}

std::string overview_of(const Sample& before, const Sample& now) {
  const std::chrono::duration<double> between = now.at - before.at;
  return ask::overview_text(before.status, now.status, std::max(between.count(), 0.001));
}

/// The number of an option, which the command line has checked; `otherwise` without it.
std::size_t number_of(const conf::AskLine& line, std::string_view name, std::size_t otherwise) {
  const std::string_view text = line.value_of(name);
  std::size_t number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// The rows of the terminal; nothing: the output is none.
std::size_t terminal_rows() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_row;
}

std::string clients_text(const Json& clients) {
  ask::Table table = ask::client_table();
  for (const Json& each : clients) ask::add_client(table, each);
  return table.print();
}

/// Two short lists of the answer to "top"; empty for an answer without.
std::string top_text(const Json& top) {
  std::string text;
  for (const auto& [list, heading] : {std::pair{"topics_by_messages", "BUSIEST TOPIC"},
                                      std::pair{"clients_by_messages", "BUSIEST PUBLISHER"}}) {
    const auto rows = top.find(list);
    if (rows == top.end() || rows->empty()) continue;
    ask::Table table{heading, "MESSAGES", "BYTES"};
    for (const Json& each : *rows) ask::add_top(table, each);
    text += concat({table.print(), "\n"});
  }
  return text;
}

/// The first lines of a text that fit.
std::string cut_at(std::string text, std::size_t lines_max) {
  std::size_t end = 0;
  for (std::size_t lines = 0; lines < lines_max; ++lines) {
    end = text.find('\n', end);
    if (end == text.npos) return text;
    ++end;
  }
  text.resize(end);
  return text;
}

bool print_screen(const std::string& text) {
  const std::size_t rows = terminal_rows();
  if (rows == 0) return print_answer(text + "\n");
  constexpr std::string_view clear = "\x1B[H\x1B[2J";
  return print_answer(concat({clear, cut_at(text, rows - 1)}));
}

}  // namespace

int run_status(const conf::AskLine& line, const std::string& file) {
  const auto before = sample(file);
  if (!before) return fail_ask(conf::ExitCode::unusable_listener, before.error());
  if (line.json) return print_answer(before->status.dump(2) + "\n") ? 0 : failed;
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const auto now = sample(file);
  if (!now) return fail_ask(conf::ExitCode::unusable_listener, now.error());
  return print_answer(overview_of(*before, *now)) ? 0 : failed;
}

int run_top(const conf::AskLine& line, const std::string& file) {
  const std::chrono::seconds interval(number_of(line, "interval", interval_seconds_usual));
  const std::string_view order = line.value_of("sort");
  const std::vector<std::string> question{
      "clients", concat({"sort=", order.empty() ? "queue" : order}),
      concat({"limit=", std::to_string(number_of(line, "limit", rows_usual))})};
  auto before = sample(file);
  if (!before) return fail_ask(conf::ExitCode::unusable_listener, before.error());
  for (std::size_t left = number_of(line, "count", SIZE_MAX); left > 0; --left) {
    std::this_thread::sleep_for(interval);
    auto now = sample(file);
    if (!now) return fail_ask(conf::ExitCode::unusable_listener, now.error());
    const auto clients = ask_once(file, question);
    if (!clients) return fail_ask(conf::ExitCode::unusable_listener, clients.error());
    // A broker of an earlier version has no such answer.
    const Json top = ask_once(file, {"top", top_limit}).value_or(Json::object());
    const Json& rows = (*clients)["clients"];
    const bool taken =
        line.json
            ? print_answer(Json{{"status", now->status}, {"clients", rows}, {"top", top}}.dump() +
                           "\n")
            : print_screen(
                  concat({overview_of(*before, *now), "\n", top_text(top), clients_text(rows)}));
    if (!taken) return failed;
    std::swap(*before, *now);
  }
  return 0;
}

}  // namespace server
