#include "broker/core/line_rates.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/core/text.h"

namespace broker {
namespace {

class Lines final : public Log {
 public:
  [[nodiscard]] bool enabled(LogType type) const noexcept override {
    return type != LogType::information;
  }
  void write(LogType /*type*/, std::string_view line) override { lines.emplace_back(line); }

  std::vector<std::string> lines;
};

/// Two kinds of lines.
class Writer {
 public:
  void come(LogType type, const std::string& name) {
    rates_.write(log, type, {}, {name, " came."}, now, std::source_location::current());
  }
  void go(const std::string& name) {
    rates_.write(log, LogType::notice, {}, {name, " went."}, now, std::source_location::current());
  }
  void tick() { rates_.tell_held_back(log, now); }
  [[nodiscard]] std::vector<std::string>& lines() { return log.lines; }

  Lines log;
  Instant now{1'000'000};

 private:
  LineRates rates_;
};

}  // namespace

TEST_CASE("each kind of line has a rate, and what is held back is counted", "[line_rates]") {
  Writer writer;
  constexpr int more = 50;
  for (std::uint32_t i = 0; i < LineRates::lines_per_second + more; ++i) {
    writer.come(LogType::notice, "a" + std::to_string(i));
  }
  CHECK(writer.lines().size() == LineRates::lines_per_second);
  writer.go("b");
  CHECK(writer.lines().back() == "b went.");
  writer.tick();
  CHECK(writer.lines().size() == LineRates::lines_per_second + 1);
  writer.now = after_seconds(writer.now, 1);
  writer.tick();
  CHECK(writer.lines().back() == "50 more lines like this were held back: a99 came.");
  // That line was this second's.
  writer.now = after_seconds(writer.now, 1);
  writer.come(LogType::notice, "c");
  CHECK(writer.lines().back() == "c came.");
}

TEST_CASE("lines that are asked for packet by packet have no rate, unread ones are not made",
          "[line_rates]") {
  Writer writer;
  for (int i = 0; i < 1000; ++i) writer.come(LogType::debug, "a");
  CHECK(writer.lines().size() == 1000);
  writer.come(LogType::information, "unread");
  CHECK(writer.lines().size() == 1000);
}

TEST_CASE("a client's text is cut between two characters", "[line_rates]") {
  CHECK(cut("short") == "short");
  CHECK(cut(std::string(200, 'x')) == std::string(200, 'x'));
  CHECK(cut(std::string(201, 'x')) == std::string(200, 'x') + "...");
  CHECK(cut(std::string(199, 'x') + "\xC3\xA4") == std::string(199, 'x') + "...");
  CHECK(cut(std::string(131'072, 'x')).size() == 203);
}

}  // namespace broker
