#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace conf {

enum class Severity {
  notice,   ///< worth knowing, nothing to do
  warning,  ///< the broker starts, but does not do all that was asked
  error,    ///< the broker does not start
};

/// One remark about the configuration.
///
/// Invariant  `text` is one sentence without a line end; option names stand in single quotes.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string file;  ///< empty: the command line, or no file at all
  int line = 0;      ///< counted from 1; 0: the file as a whole
  std::string text;

  bool operator==(const Diagnostic&) const = default;
};

using Diagnostics = std::vector<Diagnostic>;

/// "Error: TEXT (FILE:LINE)", without a line end. The place is left out where there is none.
[[nodiscard]] std::string format(const Diagnostic& diagnostic);

/// The same without "Error: ", for a log that names the severity by itself.
[[nodiscard]] std::string format_without_severity(const Diagnostic& diagnostic);

/// A word of a configuration in single quotes, as a diagnostic shows it: its first 60 bytes, and a
/// question mark for each control character.
[[nodiscard]] std::string quoted(std::string_view word);

[[nodiscard]] bool has_errors(const Diagnostics& diagnostics);

}  // namespace conf
