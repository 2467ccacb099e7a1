#include "conf/explain_line.h"

#include <array>

namespace conf {
namespace {

constexpr auto explain_option_rows = std::to_array<ArgumentText>({
    {"", "--json", "", "Print JSON: an object, or an array of all."},
    {"-h", "--help", "", "Print this and exit."},
});

}  // namespace

std::span<const ArgumentText> explain_options() { return explain_option_rows; }

std::expected<ExplainLine, Diagnostics> parse_explain_line(
    std::span<const std::string_view> arguments) {
  ExplainLine line;
  Diagnostics errors;
  const auto error = [&](std::string text) {
    errors.push_back({.severity = Severity::error, .file = {}, .line = 0, .text = std::move(text)});
  };
  for (const std::string_view each : arguments) {
    if (each == "--help" || each == "-h") {
      line.help = true;
      return line;
    }
    if (each == "--json") {
      line.json = true;
    } else if (each.starts_with('-')) {
      error("'explain' takes --json and --help only, not '" + std::string(each) + "'");
    } else if (!line.event.empty()) {
      error("'explain' takes one event, or none");
    } else {
      line.event = each;
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return line;
}

}  // namespace conf
