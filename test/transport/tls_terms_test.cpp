#include "transport/tls_terms.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace {

using transport::TlsTerms;

constexpr std::int64_t day = TlsTerms::day_seconds;
constexpr std::int64_t begin = 20'500 * day;  // 2026-02-16
constexpr std::int64_t end = begin + 90 * day;

TEST_CASE("a certificate is told of before it begins, before it ends, and when it has ended",
          "[tls_terms]") {
  TlsTerms terms;
  terms.add_certificate("certificate a.crt", begin, end);
  const auto [now, warning] = GENERATE(table<std::int64_t, std::string>({
      {begin - 1, "certificate a.crt is not valid before 2026-02-16"},
      {begin, ""},
      {end - 14 * day, ""},
      {end - 14 * day + 1,
       "certificate a.crt ends on 2026-05-17, in 13 days: then clients refuse it; renew it"},
      {end, "certificate a.crt ends on 2026-05-17, in 0 days: then clients refuse it; renew it"},
      {end + 1, "certificate a.crt ended on 2026-05-17: clients refuse it; renew it"},
  }));
  CAPTURE(now);
  CHECK(terms.warnings(now) ==
        (warning.empty() ? std::vector<std::string>{} : std::vector<std::string>{warning}));
}

TEST_CASE("a file without a warning before its end is told of when it has ended", "[tls_terms]") {
  TlsTerms terms;
  terms.add({"revocation list x.crl", 0, end, 0, "every client certificate is refused"});
  terms.add({"OCSP response y.der", 0, end + day, 0, "it is not sent to clients"});
  CHECK(terms.warnings(end).empty());
  CHECK(terms.warnings(end + 1) ==
        std::vector<std::string>{"revocation list x.crl ended on 2026-05-17: every client "
                                 "certificate is refused; renew it"});
  CHECK(terms.warnings(end + 2 * day).size() == 2);
}

}  // namespace
