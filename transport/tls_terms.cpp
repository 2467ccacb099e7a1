#include "transport/tls_terms.h"

#include <array>
#include <ctime>

namespace transport {

namespace {

/// "2026-03-01"
std::string date_of(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

}  // namespace

std::vector<std::string> TlsTerms::warnings(std::int64_t now) const {
  std::vector<std::string> warnings;
  for (const Term& term : terms_) {
    const std::int64_t left_seconds = term.ends - now;
    if (term.begins > now) {
      warnings.push_back(term.file + " is not valid before " + date_of(term.begins));
    } else if (left_seconds < 0) {
      warnings.push_back(term.file + " ended on " + date_of(term.ends) + ": " +
                         std::string(term.afterwards) + "; renew it");
    } else if (left_seconds < term.warned_seconds) {
      warnings.push_back(term.file + " ends on " + date_of(term.ends) + ", in " +
                         std::to_string(left_seconds / day_seconds) + " days: then " +
                         std::string(term.afterwards) + "; renew it");
    }
  }
  return warnings;
}

}  // namespace transport
