// broker/server/doctor/report.h
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "broker/server/doctor/finding.h"

namespace doctor {

/// How many findings there are of each severity.
struct Counts {
  std::size_t good = 0;
  std::size_t notice = 0;
  std::size_t unknown = 0;
  std::size_t warning = 0;
  std::size_t error = 0;
};

[[nodiscard]] Counts count(const std::vector<Chapter>& chapters);

/// Exit status, as monitoring plugins have it: 0 nothing is wrong, 1 warnings, 2 errors. (3 is for
/// a configuration that cannot be read, as everywhere in darter.)
[[nodiscard]] int status_of(const Counts& counts);

/// The findings as text: a heading for each chapter, "error: TEXT (WHERE)" and the cure below it,
/// and one line of counts at the end.
[[nodiscard]] std::string report(const std::vector<Chapter>& chapters);

}  // namespace doctor
