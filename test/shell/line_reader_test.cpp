#include "tools/darter-client/line_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <unistd.h>

using shell::LineReader;

TEST_CASE("lines come as soon as they are complete, the last one without its end", "[lines]") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  LineReader lines(ends[0]);
  const auto send = [&](std::string_view text) {
    REQUIRE(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    REQUIRE(lines.read());
  };
  CHECK_FALSE(lines.next());
  send("one\ntw");
  CHECK(lines.next() == "one");
  CHECK_FALSE(lines.next());
  send("o\n\nlast");
  CHECK(lines.next() == "two");
  CHECK(lines.next() == "");
  CHECK_FALSE(lines.next());
  REQUIRE(close(ends[1]) == 0);
  REQUIRE(lines.read());
  CHECK(lines.at_end());
  CHECK(lines.next() == "last");
  CHECK_FALSE(lines.next());
  REQUIRE(close(ends[0]) == 0);
}
