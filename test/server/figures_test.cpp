#include "broker/server/figures.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/text.h"
#include "conf/file.h"

namespace {

using broker::concat;
using broker::Figure;
using broker::FigureKind;
using broker::FigureOwner;
using broker::FigureTable;
using broker::FigureUnit;

std::string_view name_of(FigureKind kind) {
  constexpr std::string_view names[] = {"counter", "gauge", "maximum", "histogram", "text"};
  return names[static_cast<std::size_t>(kind)];
}

std::string_view name_of(FigureUnit unit) {
  constexpr std::string_view names[] = {"",    "bytes", "seconds", "milliseconds", "microseconds",
                                        "days"};
  return names[static_cast<std::size_t>(unit)];
}

std::string_view name_of(FigureOwner owner) {
  constexpr std::string_view names[] = {"broker",       "shard",   "loop",    "store",  "logins",
                                        "certificates", "bridges", "cluster", "process"};
  return names[static_cast<std::size_t>(owner)];
}

std::string line_of(std::string_view topic, std::string_view kind, std::string_view unit,
                    FigureOwner owner, std::string_view meaning) {
  return concat(
      {"| `", topic, "` | ", kind, " | ", unit, " | ", name_of(owner), " | ", meaning, " |"});
}

template <typename Source>
std::string meaning_of(const Figure<Source>& row) {
  if (row.label.empty()) return std::string(row.help);
  std::string meaning = concat({row.help, " +: the ", row.label});
  for (std::size_t i = 0; i < row.items.size(); ++i) {
    meaning += concat({i == 0 ? ": " : ", ", row.items[i]});
  }
  return meaning + ".";
}

/// The lines of a table in SYS.md.
template <typename Source>
void append_lines(const FigureTable<Source>& table, std::vector<std::string>& lines) {
  for (const Figure<Source>& row : table.rows) {
    for (const std::string_view topic : {row.topic, row.second_topic}) {
      if (topic.empty()) continue;
      lines.push_back(
          line_of(topic, name_of(row.kind), name_of(row.unit), table.owner, meaning_of(row)));
    }
    if (row.load.empty()) continue;
    lines.push_back(line_of(concat({"load/", row.load, "/+"}), "gauge", "per minute", table.owner,
                            concat({"Average over 1min, 5min, 15min: ", row.help})));
  }
}

std::vector<std::string> lines_of_file(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.starts_with("| `")) lines.push_back(line);
  }
  return lines;
}

}  // namespace

TEST_CASE("SYS.md has a line for each topic of the figures, and no other", "[figures]") {
  std::vector<std::string> wanted;
  server::for_each_figure_table([&](const auto& table) { append_lines(table, wanted); });
  const auto found =
      lines_of_file(conf::read_file(DARTER_SOURCE_DIR "/broker/SYS.md").value_or(""));
  for (const std::string& line : wanted) {
    INFO("broker/SYS.md lacks this line:\n" << line);
    CHECK(std::ranges::find(found, line) != found.end());
  }
  for (const std::string& line : found) {
    INFO("broker/SYS.md has a line for no figure:\n" << line);
    CHECK(std::ranges::find(wanted, line) != wanted.end());
  }
  CHECK(found.size() == wanted.size());
}

TEST_CASE("a name and a topic stand in one row of all tables", "[figures]") {
  std::set<std::string_view> names;
  std::set<std::string_view> topics;
  server::for_each_figure_table([&](const auto& table) {
    for (const auto& row : table.rows) {
      INFO(row.name);
      CHECK(names.insert(row.name).second);
      CHECK(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
      CHECK(row.help.ends_with('.'));
      for (const std::string_view topic : {row.topic, row.second_topic}) {
        if (!topic.empty()) CHECK(topics.insert(topic).second);
      }
    }
  });
}

TEST_CASE("no figure has an empty payload", "[figures]") {
  const auto look = [](std::string_view topic, const std::string& payload) {
    INFO(topic);
    CHECK_FALSE(payload.empty());
  };
  server::for_each_figure_table([&]<typename Source>(const FigureTable<Source>& table) {
    broker::for_each_topic(table, Source{}, "1883", look);
  });
}
