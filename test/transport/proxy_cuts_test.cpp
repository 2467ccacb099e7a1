#include "transport/proxy_cuts.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>

namespace transport {
namespace {

/// Connections that end, each after so many milliseconds.
class Ends {
 public:
  std::optional<std::int64_t> after(std::int64_t milliseconds) {
    now_ = broker::after_milliseconds(now_, milliseconds);
    return cuts_.ended({now_.milliseconds - milliseconds}, now_);
  }
  void wait(std::int64_t seconds) { now_ = broker::after_seconds(now_, seconds); }

 private:
  ProxyCuts cuts_;
  broker::Instant now_{1'000'000};
};

}  // namespace

TEST_CASE("connections that all end after the same time are cut", "[proxy_cuts]") {
  Ends ends;
  for (const std::int64_t milliseconds : {60'010, 60'900, 59'990, 61'100}) {
    CHECK_FALSE(ends.after(milliseconds));
  }
  CHECK(ends.after(60'000) == 60);
  // Said once, and again when an hour has passed.
  CHECK_FALSE(ends.after(60'000));
  ends.wait(ProxyCuts::pause_seconds);
  CHECK(ends.after(60'000) == 60);
}

TEST_CASE("connections that end after different times are not cut", "[proxy_cuts]") {
  Ends ends;
  for (int round = 0; round < 20; ++round) {
    CHECK_FALSE(ends.after(60'000));
    CHECK_FALSE(ends.after(60'000));
    CHECK_FALSE(ends.after(64'000));
  }
}

TEST_CASE("connections that end together are cut for another reason", "[proxy_cuts]") {
  ProxyCuts cuts;
  const broker::Instant opened{1'000'000};
  for (std::int64_t more = 0; more < 50; ++more) {
    CHECK_FALSE(cuts.ended(opened, {opened.milliseconds + 60'000 + more * 10}));
  }
}

TEST_CASE("clients that come and go are not looked at", "[proxy_cuts]") {
  Ends ends;
  for (int round = 0; round < 20; ++round) CHECK_FALSE(ends.after(2000));
}

}  // namespace transport
