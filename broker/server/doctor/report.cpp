#include "broker/server/doctor/report.h"

#include <algorithm>
#include <string_view>

namespace doctor {
namespace {

std::string_view heading_of(Severity severity) {
  switch (severity) {
    case Severity::good:
      return "good:    ";
    case Severity::notice:
      return "notice:  ";
    case Severity::unknown:
      return "unknown: ";
    case Severity::warning:
      return "warning: ";
    case Severity::error:
      break;
  }
  return "error:   ";
}

/// A word of a configuration may hold anything; a finding is one line without control characters.
std::string plain(std::string text) {
  std::ranges::replace_if(
      text, [](char each) { return static_cast<unsigned char>(each) < ' ' || each == '\x7f'; },
      '?');
  return text;
}

std::string line_of(const Finding& finding) {
  std::string text = "  " + std::string(heading_of(finding.severity)) + plain(finding.what);
  if (!finding.where.empty()) text += " (" + plain(finding.where) + ")";
  text += "\n";
  if (!finding.cure.empty()) text += "             do: " + plain(finding.cure) + "\n";
  return text;
}

std::string counted(std::size_t number, const std::string& one, const std::string& many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

}  // namespace

Counts count(const std::vector<Chapter>& chapters) {
  Counts counts;
  for (const Chapter& chapter : chapters) {
    for (const Finding& finding : chapter.findings) {
      switch (finding.severity) {
        case Severity::good:
          ++counts.good;
          break;
        case Severity::notice:
          ++counts.notice;
          break;
        case Severity::unknown:
          ++counts.unknown;
          break;
        case Severity::warning:
          ++counts.warning;
          break;
        case Severity::error:
          ++counts.error;
          break;
      }
    }
  }
  return counts;
}

int status_of(const Counts& counts) {
  if (counts.error > 0) return 2;
  return counts.warning > 0 ? 1 : 0;
}

std::string report(const std::vector<Chapter>& chapters) {
  std::string text;
  for (const Chapter& chapter : chapters) {
    text += std::string(chapter.title) + "\n";
    for (const Finding& finding : chapter.findings) text += line_of(finding);
    text += "\n";
  }
  const Counts counts = count(chapters);
  const std::size_t all =
      counts.good + counts.notice + counts.unknown + counts.warning + counts.error;
  return text + counted(all, "thing", "things") +
         " looked at: " + counted(counts.error, "error", "errors") + ", " +
         counted(counts.warning, "warning", "warnings") + ", " +
         counted(counts.notice, "notice", "notices") + ", " + std::to_string(counts.good) +
         " good, " + std::to_string(counts.unknown) + " could not be checked.\n";
}

}  // namespace doctor
