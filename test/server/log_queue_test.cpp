#include "broker/server/log_queue.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace server {
namespace {

using broker::LogType;
constexpr std::chrono::seconds patience{10};

/// Keeps the lines; takes none before it is opened.
class Reader final : public LogOutput {
 public:
  void write(std::span<const LogLine> lines) override {
    entered_.count_down();
    open_.wait();
    const std::scoped_lock lock(mutex_);
    for (const LogLine& line : lines) lines_.push_back(line.stamp + line.text);
  }
  void open() { open_.count_down(); }
  /// Waits until lines are being written.
  void wait() { entered_.wait(); }
  [[nodiscard]] std::vector<std::string> lines() {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }

 private:
  std::latch entered_{1};
  std::latch open_{1};
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace

TEST_CASE("lines reach the output in order", "[log_queue]") {
  const auto reader = std::make_shared<Reader>();
  reader->open();
  LogQueue queue(reader);
  std::vector<std::string> expected;
  for (int number = 0; number < 1000; ++number) {
    queue.add(LogType::notice, "1: ", std::to_string(number));
    expected.push_back("1: " + std::to_string(number));
  }
  queue.flush(patience);
  CHECK(reader->lines() == expected);
  CHECK(queue.dropped() == 0);
}

TEST_CASE("an output that takes nothing holds nobody up; what is dropped is counted",
          "[log_queue]") {
  const auto reader = std::make_shared<Reader>();
  const bool has_form = GENERATE(false, true);
  const auto form = [](std::string_view sentence) { return "{" + std::string(sentence) + "}"; };
  LogQueue queue(reader, has_form ? LogQueue::Form(form) : nullptr);
  queue.add(LogType::notice, {}, "first");
  reader->wait();
  const std::string line(1000, 'x');
  constexpr std::size_t lines = 2 * LogQueue::bytes_max / 1000;
  for (std::size_t i = 0; i < lines; ++i) queue.add(LogType::notice, "7: ", line);
  const std::uint64_t dropped = queue.dropped();
  CHECK(dropped > lines / 2);
  CHECK(dropped < lines);
  reader->open();
  queue.flush(patience);
  queue.add(LogType::notice, {}, "last");
  queue.flush(patience);
  const auto seen = reader->lines();
  REQUIRE(seen.size() == 1 + (lines - dropped) + 1 + 1);
  CHECK(seen.front() == "first");
  const std::string sentence =
      "Warning: " + std::to_string(dropped) +
      " log lines were dropped: what came before them was not read in time.";
  CHECK(seen[seen.size() - 2] == "7: " + (has_form ? form(sentence) : sentence));
  CHECK(seen.back() == "last");
}

TEST_CASE("a log that nobody reads does not hold up the end", "[log_queue]") {
  const auto reader = std::make_shared<Reader>();
  {
    LogQueue queue(reader);
    queue.add(LogType::notice, {}, "unread");
    reader->wait();
  }
  CHECK(reader->lines().empty());
  reader->open();  // the thread that was left behind ends
}

}  // namespace server
