#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace auth {

/// Whether everybody on the machine may be allowed to read a file.
enum class Privacy : std::uint8_t { anyone_may_read, secret };

/// Reads the whole file at `path`.
///
/// Errors    "PATH: FAULT": it cannot be opened or read, is no regular file, is larger than
///           64 MiB, or is to be secret and its mode lets everybody read or change it.
[[nodiscard]] std::expected<std::string, std::string> read_text_file(const std::string& path,
                                                                     Privacy privacy);

/// Walks the lines of a text and counts them. A line comes without its line feed and the carriage
/// returns in front of that; a last line without a line feed is a line too. A byte order mark in
/// front of the text (editors of Windows put one there) is no part of the first line.
class LineCursor {
 public:
  explicit LineCursor(std::string_view text) : rest_(text) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
  }

  /// Moves to the next line. Returns false behind the last.
  bool next();

  [[nodiscard]] std::string_view line() const noexcept { return line_; }
  [[nodiscard]] std::size_t number() const noexcept { return number_; }

 private:
  std::string_view rest_;
  std::string_view line_;
  std::size_t number_ = 0;  // of line_, from 1
};

/// "NAME:NUMBER: TEXT".
[[nodiscard]] std::string remark_text(const std::string& name, std::size_t number,
                                      std::string_view what);

/// Adds the line "NAME:NUMBER: TEXT" to a list of faults, one a line.
void add_fault(std::string& faults, const std::string& name, std::size_t number,
               std::string_view what);

/// `text` without spaces, tabs, carriage returns and line feeds at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);

}  // namespace auth
