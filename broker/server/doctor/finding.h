// broker/server/doctor/finding.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/source.h"

namespace doctor {

enum class Severity : std::uint8_t {
  good,     ///< was looked at, and is as it should be
  notice,   ///< good to know; nothing is wrong
  unknown,  ///< could not be looked at, and why
  warning,  ///< will go wrong for some, or some day
  error,    ///< goes wrong now, or admits clients that should stay out
};

/// One thing that was looked at.
///
/// Shape      where: "FILE:LINE", or the name of a limit, of a sysctl, of a file. what: one
///            sentence without its full stop. cure: the line or command that helps, or a sentence;
///            empty where nothing has to be done.
struct Finding {
  Severity severity = Severity::good;
  std::string where;
  std::string what;
  std::string cure;

  bool operator==(const Finding&) const = default;
};

/// Findings that belong together, under a heading.
struct Chapter {
  std::string_view title;
  std::vector<Finding> findings;
};

/// Collects findings, in the order in which they are to be read.
class Findings {
 public:
  void good(std::string where, std::string what) {
    add(Severity::good, std::move(where), std::move(what), {});
  }
  void notice(std::string where, std::string what, std::string cure = {}) {
    add(Severity::notice, std::move(where), std::move(what), std::move(cure));
  }
  void unknown(std::string where, std::string what, std::string cure = {}) {
    add(Severity::unknown, std::move(where), std::move(what), std::move(cure));
  }
  void warning(std::string where, std::string what, std::string cure) {
    add(Severity::warning, std::move(where), std::move(what), std::move(cure));
  }
  void error(std::string where, std::string what, std::string cure) {
    add(Severity::error, std::move(where), std::move(what), std::move(cure));
  }
  void add(Severity severity, std::string where, std::string what, std::string cure) {
    all_.push_back({.severity = severity,
                    .where = std::move(where),
                    .what = std::move(what),
                    .cure = std::move(cure)});
  }

  [[nodiscard]] const std::vector<Finding>& all() const noexcept { return all_; }
  [[nodiscard]] std::vector<Finding> take() && { return std::move(all_); }

 private:
  std::vector<Finding> all_;
};

/// "FILE:LINE", or "FILE" for the file as a whole.
[[nodiscard]] inline std::string where_of(const conf::Place& place) {
  return place.line > 0 ? place.file + ":" + std::to_string(place.line) : place.file;
}

}  // namespace doctor
