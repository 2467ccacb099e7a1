#include "broker/cluster/line_filter.h"

#include <catch2/catch.hpp>

using broker::Event;
using broker::Instant;
using cluster::LineFilter;

TEST_CASE("the same text comes again after ten minutes, another after ten seconds", "[cluster]") {
  LineFilter lines;
  const auto admit = [&](std::string_view text, std::int64_t milliseconds) {
    return lines.admit(Event::cluster_link_failed, 0, text, Instant{milliseconds});
  };
  CHECK(admit("refused", 0));
  CHECK_FALSE(admit("refused", 10'000));
  CHECK_FALSE(admit("unreachable", 9'999));
  CHECK(admit("unreachable", 10'000));
  CHECK_FALSE(admit("unreachable", 609'999));
  CHECK(admit("unreachable", 610'000));
  lines.clear(Event::cluster_link_failed, 0);
  CHECK(admit("unreachable", 610'001));
}

TEST_CASE("subjects have lines of their own, as many as are counted", "[cluster]") {
  LineFilter lines;
  for (std::uint8_t subject = 0; subject < LineFilter::subjects_max; ++subject) {
    CHECK(lines.admit(Event::cluster_message_dropped, subject, "text", Instant{0}));
  }
  CHECK_FALSE(lines.admit(Event::cluster_message_dropped, 100, "text", Instant{0}));
  CHECK_FALSE(lines.admit(Event::cluster_message_dropped, 3, "text", Instant{1}));
}
