#include "conf/diagnostic.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace conf {
namespace {

std::string_view heading(Severity severity) {
  switch (severity) {
    case Severity::notice:
      return "Notice: ";
    case Severity::warning:
      return "Warning: ";
    case Severity::error:
      break;
  }
  return "Error: ";
}

}  // namespace

std::string format_without_severity(const Diagnostic& diagnostic) {
  std::string line = diagnostic.text;
  if (diagnostic.file.empty()) return line;
  line += " (" + diagnostic.file;
  if (diagnostic.line > 0) line += ":" + std::to_string(diagnostic.line);
  return line + ")";
}

std::string format(const Diagnostic& diagnostic) {
  return std::string(heading(diagnostic.severity)) + format_without_severity(diagnostic);
}

std::string quoted(std::string_view word) {
  constexpr std::size_t shown_bytes = 60;
  std::string text;
  for (const char each : word.substr(0, shown_bytes)) {
    const auto byte = static_cast<unsigned char>(each);
    text += byte < 0x20 || byte == 0x7F ? '?' : each;
  }
  return "'" + text + (word.size() > shown_bytes ? "...'" : "'");
}

bool has_errors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& each) { return each.severity == Severity::error; });
}

}  // namespace conf
