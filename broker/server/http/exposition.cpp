#include "broker/server/http/exposition.h"

#include <array>
#include <charconv>
#include <utility>

#include "broker/core/text.h"

namespace server {
namespace {

using broker::concat;
using broker::FigureKind;
using broker::FigureUnit;

/// How many of a unit make one of the unit that is shown.
constexpr std::int64_t parts_of(FigureUnit unit) noexcept {
  if (unit == FigureUnit::milliseconds) return 1000;
  return unit == FigureUnit::microseconds ? 1'000'000 : 1;
}

std::string_view suffix_of(FigureUnit unit) noexcept {
  if (unit == FigureUnit::none) return {};
  return unit == FigureUnit::bytes ? "bytes" : "seconds";
}

void append(std::string& text, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

/// The shortest decimal that is read as the same number.
void append(std::string& text, double value) {
  std::array<char, 40> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

void append_value(std::string& text, std::int64_t value, FigureUnit unit) {
  constexpr std::int64_t day_seconds = 86'400;
  if (unit == FigureUnit::days) return append(text, value * day_seconds);
  const std::int64_t parts = parts_of(unit);
  if (value % parts == 0) return append(text, value / parts);
  append(text, static_cast<double>(value) / static_cast<double>(parts));
}

/// With backslashes before backslashes, line ends, and quotes if `quotes`.
void append_escaped(std::string& text, std::string_view raw, bool quotes) {
  for (const char letter : raw) {
    if (letter == '\n') {
      text += "\\n";
      continue;
    }
    if (letter == '\\' || (quotes && letter == '"')) text += '\\';
    text += letter;
  }
}

std::string_view type_of(FigureKind kind) noexcept {
  if (kind == FigureKind::counter) return "counter";
  return kind == FigureKind::histogram ? "histogram" : "gauge";
}

}  // namespace

std::string_view content_type_of(ExpositionForm form) noexcept {
  return form == ExpositionForm::openmetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string family_name(std::string_view name, FigureUnit unit) {
  const std::string_view suffix = suffix_of(unit);
  return concat({"darter_", name, suffix.empty() ? "" : "_", suffix});
}

void Exposition::begin(const Family& family) {
  const std::string name = family_name(family.name, family.unit);
  name_ = name;
  unit_ = family.unit;
  if (family.kind == FigureKind::counter) name_ += "_total";
  // In the older form a family has the name of its samples.
  const std::string& shown = is_openmetrics() ? name : name_;
  text_ += concat({"# TYPE ", shown, " ", type_of(family.kind), "\n"});
  if (const std::string_view suffix = suffix_of(family.unit); is_openmetrics() && !suffix.empty()) {
    text_ += concat({"# UNIT ", shown, " ", suffix, "\n"});
  }
  text_ += concat({"# HELP ", shown, " "});
  append_escaped(text_, family.help, is_openmetrics());
  text_ += '\n';
}

void Exposition::sample(std::string_view label, std::string_view item, std::int64_t value) {
  text_ += name_;
  if (!label.empty()) {
    text_ += '{';
    text_ += label;
    text_ += "=\"";
    append_escaped(text_, item, true);
    text_ += "\"}";
  }
  text_ += ' ';
  append_value(text_, value, unit_);
  text_ += '\n';
}

void Exposition::histogram(const broker::Histogram& histogram) {
  constexpr std::int64_t second = 1'000'000;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < broker::Histogram::bucket_count; ++i) {
    sum += histogram.counts[i];
    text_ += name_;
    text_ += "_bucket{le=\"";
    if (i + 1 == broker::Histogram::bucket_count) {
      text_ += "+Inf";
    } else {
      append(text_,
             static_cast<double>(broker::Histogram::end_of(i)) / static_cast<double>(second));
    }
    text_ += "\"} ";
    append(text_, static_cast<std::int64_t>(sum));
    text_ += '\n';
  }
  text_ += concat({name_, "_sum "});
  append_value(text_, static_cast<std::int64_t>(histogram.sum_microseconds),
               FigureUnit::microseconds);
  text_ += concat({"\n", name_, "_count "});
  append(text_, static_cast<std::int64_t>(sum));
  text_ += '\n';
}

void Exposition::info(std::string_view name, std::string_view help, std::string_view text) {
  const std::string family = concat({"darter_", name});
  const std::string_view shown_suffix = is_openmetrics() ? "" : "_info";
  text_ += concat({"# TYPE ", family, shown_suffix, is_openmetrics() ? " info\n" : " gauge\n"});
  text_ += concat({"# HELP ", family, shown_suffix, " "});
  append_escaped(text_, help, is_openmetrics());
  text_ += concat({"\n", family, "_info{", name, "=\""});
  append_escaped(text_, text, true);
  text_ += "\"} 1\n";
}

std::string Exposition::finish() && {
  if (is_openmetrics()) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace server
