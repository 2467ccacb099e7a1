#include "broker/server/trace_command.h"

#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <expected>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/ask/table.h"
#include "broker/server/ask_broker_json.h"

namespace server {
namespace {

using broker::concat;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr int output_broken = static_cast<int>(conf::ExitCode::unusable_listener);

std::uint64_t option_number(const conf::AskLine& line, std::string_view name,
                            std::uint64_t otherwise) {
  const std::string_view text = line.value_of(name);
  std::uint64_t number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// "14:03:59.012345", in local time.
std::string time_text(std::int64_t microseconds) {
  constexpr std::int64_t per_second = 1'000'000;
  const std::time_t seconds = microseconds / per_second;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char text[16];
  text[std::strftime(text, sizeof text, "%H:%M:%S", &local)] = '\0';
  const std::string fraction = std::to_string(per_second + microseconds % per_second);
  return concat({text, ".", std::string_view(fraction).substr(1)});
}

std::string_view mark_of(const std::string& kind) {
  if (kind == "in") return "-->";
  return kind == "out" ? "<--" : "   ";
}

std::string line_of(const Json& record) {
  const auto text = [&](const char* key) { return record.value(key, std::string()); };
  const std::string client = text("client_id");
  const std::string address = text("address");
  return concat({time_text(record.value("time_microseconds", std::int64_t{0})), " ",
                 mark_of(text("kind")), " ", client.empty() ? "-" : ask::printable(client),
                 address.empty() ? "" : concat({" [", ask::printable(address), "]"}), " ",
                 ask::printable(text("text")), "\n"});
}

/// Waits so long, or until a signal ends the command. Returns whether it goes on.
bool wait(std::chrono::milliseconds time) {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  const timespec pause{0, static_cast<long>(std::chrono::nanoseconds(time).count())};
  return ::sigtimedwait(&ends, nullptr, &pause) == -1;
}

/// Has signals wait for wait(), so that the trace is ended.
void hold_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
}

/// Whether the reader of the output is gone.
bool is_output_broken() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLNVAL)) != 0;
}

/// One trace, from its beginning to its end.
class Follower {
 public:
  Follower(const conf::AskLine& line, const std::string& file)
      : json_(line.json), left_(option_number(line, "count", UINT64_MAX)), file_(file) {}

  /// Errors    One sentence.
  std::expected<void, std::string> begin(const conf::AskLine& line);
  /// Prints the records that have come. Returns whether more may be printed.
  std::expected<bool, std::string> read();
  /// Returns   Whether the broker has said so; if not, the trace ends by itself.
  bool end() { return ask_once(file_, {"trace", "do=end", "of=" + id_}).has_value(); }
  /// Whether more records wait.
  [[nodiscard]] bool has_more() const noexcept { return more_; }

 private:
  bool print(const Json& record);

  bool json_;
  std::uint64_t left_;  // records
  const std::string& file_;
  std::string id_;
  std::uint64_t after_ = 0;  // the number of the last record
  std::uint64_t lost_ = 0;
  bool more_ = false;
};

std::expected<void, std::string> Follower::begin(const conf::AskLine& line) {
  std::vector<std::string> words{"trace", "do=begin"};
  for (const std::string& each : line.words) {
    if (!each.starts_with("count=") && !each.starts_with("for=")) words.push_back(each);
  }
  const auto answer = ask_once(file_, words);
  if (!answer) return std::unexpected(answer.error());
  id_ = std::to_string(answer->value("id", std::uint64_t{0}));
  return {};
}

std::expected<bool, std::string> Follower::read() {
  const auto answer =
      ask_once(file_, {"trace", "do=read", "of=" + id_, "after=" + std::to_string(after_)});
  if (!answer) return std::unexpected(answer.error());
  more_ = answer->value("more", false);
  const std::uint64_t lost = answer->value("lost", std::uint64_t{0});
  if (lost != lost_) {
    const std::string count = std::to_string(lost - std::exchange(lost_, lost));
    if (!print_answer(json_ ? concat({"{\"lost\":", count, "}\n"})
                            : concat({"(", count, " events were lost: they came too fast)\n"}))) {
      return false;
    }
  }
  for (const Json& record : (*answer)["records"]) {
    after_ = record.value("number", after_);
    if (!print(record)) return false;
  }
  return left_ > 0;
}

bool Follower::print(const Json& record) {
  if (left_ == 0) return false;
  --left_;
  return print_answer(json_ ? record.dump() + "\n" : line_of(record)) && left_ > 0;
}

}  // namespace

int run_trace(const conf::AskLine& line, const std::string& file) {
  constexpr std::chrono::milliseconds pause(100);
  constexpr std::uint64_t day_seconds = 86'400;
  const std::uint64_t seconds = option_number(line, "for", UINT64_MAX);
  const auto begin = Clock::now();
  const auto is_over = [&] {
    return seconds <= day_seconds && Clock::now() - begin >= std::chrono::seconds(seconds);
  };
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): it cannot fail for SIGPIPE
  hold_signals();
  Follower follower(line, file);
  if (const auto begun = follower.begin(line); !begun) {
    return fail_ask(conf::ExitCode::unusable_listener, begun.error());
  }
  std::fputs("The trace has begun; Ctrl-C ends it.\n", stderr);
  while (true) {
    const bool last = is_over() || (!follower.has_more() && !wait(pause)) || is_output_broken();
    const auto goes_on = follower.read();
    if (!goes_on) return fail_ask(conf::ExitCode::unusable_listener, goes_on.error());
    if (last || !*goes_on) break;
  }
  follower.end();
  return is_output_broken() ? output_broken : 0;
}

}  // namespace server
