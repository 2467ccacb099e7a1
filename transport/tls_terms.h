// transport/tls_terms.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace transport {

/// The terms of files of limited validity: certificates, revocation lists, OCSP responses.
///
/// Units      Times are seconds since 1970.
/// Threads    None, while it is filled; then any.
class TlsTerms {
 public:
  static constexpr std::int64_t day_seconds = 86'400;

  struct Term {
    std::string file;  // with its kind: "certificate PATH"
    std::int64_t begins = 0;
    std::int64_t ends = 0;
    std::int64_t warned_seconds = 0;  // before it ends
    std::string_view afterwards;      // the consequence of its end; static text
  };

  void add(Term term) { terms_.push_back(std::move(term)); }
  /// Of the server's certificate, or an intermediate one: warned of 14 days before its end.
  void add_certificate(std::string file, std::int64_t begins, std::int64_t ends) {
    add({std::move(file), begins, ends, 14 * day_seconds, "clients refuse it"});
  }

  /// One sentence without its full stop for each term that is over, ends soon, or has not begun.
  [[nodiscard]] std::vector<std::string> warnings(std::int64_t now) const;

 private:
  std::vector<Term> terms_;
};

}  // namespace transport
