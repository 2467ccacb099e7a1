// broker/server/ask/table.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace ask {

/// Text for a terminal: control characters as "\x1B", so that no client's text moves the cursor.
[[nodiscard]] std::string printable(std::string_view text);
/// "3 d 4 h", "2 h 5 min", "7 min 1 s" or "12 s".
[[nodiscard]] std::string duration_text(std::int64_t seconds);
/// "512 B", "1.4 KiB", "23 MiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

/// Rows of text under headings, in columns.
///
/// Shape      print() gives the rows since the last call; the widths of the first call hold for
/// all,
///            and the headings come once. Only the last column is never filled up.
class Table {
 public:
  Table(std::initializer_list<std::string_view> headings);
  /// Requires  As many cells as headings. They are made printable here.
  void add(std::vector<std::string> cells);
  [[nodiscard]] std::string print();

 private:
  std::vector<std::vector<std::string>> rows_;  // the first one: the headings
  std::vector<std::size_t> widths_;             // in characters; empty: nothing was printed
};

// Administration of a broker as text: JSON as server::Administration gives it.

/// A table for add_client().
[[nodiscard]] Table client_table();
void add_client(Table& table, const nlohmann::ordered_json& client);
/// A topic or a client with its rates.
void add_top(Table& table, const nlohmann::ordered_json& row);
void add_retained(Table& table, const nlohmann::ordered_json& message);
void add_ban(Table& table, const nlohmann::ordered_json& ban);
/// The decision of each listener; of all together, if it is the same.
[[nodiscard]] std::string decisions_text(const nlohmann::ordered_json& answer);
/// One client, a line for each of its facts, and its subscriptions.
[[nodiscard]] std::string client_text(const nlohmann::ordered_json& client);

}  // namespace ask
