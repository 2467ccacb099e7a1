#include "transport/flush_pace.h"

#include <catch2/catch.hpp>

namespace {

using transport::FlushPace;

/// A flush with nothing to write.
void flush(FlushPace& pace) {
  pace.run([] { return false; });
}

TEST_CASE("output leaves after so many sockets, however little they say", "[flush_pace]") {
  FlushPace pace;
  for (int again = 0; again < 2; ++again) {
    for (int count = 1; count < FlushPace::inputs_max; ++count) CHECK_FALSE(pace.note_input(0));
    CHECK(pace.note_input(0));
    flush(pace);
  }
}

TEST_CASE("output leaves after so many bytes, however few sockets", "[flush_pace]") {
  FlushPace pace;
  CHECK_FALSE(pace.note_input(FlushPace::input_bytes_max - 1));
  CHECK(pace.note_input(1));
  flush(pace);
  CHECK_FALSE(pace.note_input(FlushPace::input_bytes_max - 1));
  CHECK(pace.note_input(FlushPace::input_bytes_max));
}

TEST_CASE("rounds end when nothing is left, or are cut so that sockets have their turn",
          "[flush_pace]") {
  FlushPace pace;
  int rounds = 0;
  pace.run([&] { return ++rounds < 3; });
  CHECK(rounds == 3);
  rounds = 0;
  pace.run([&] { return ++rounds > 0; });
  CHECK(rounds == FlushPace::rounds_max);
}

TEST_CASE("input that a round reads counts for the next flush", "[flush_pace]") {
  FlushPace pace;
  static_cast<void>(pace.note_input(FlushPace::input_bytes_max));
  pace.run([&] {
    CHECK_FALSE(pace.note_input(FlushPace::input_bytes_max - 1));
    return false;
  });
  CHECK(pace.note_input(1));
}

}  // namespace
