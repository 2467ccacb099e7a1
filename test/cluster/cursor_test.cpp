#include "broker/cluster/cursor.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using cluster::Cursor;
using cluster::Sequence;
using cluster::SequenceRange;
using Ranges = std::vector<SequenceRange>;

TEST_CASE("messages that are finished in their order move the cursor", "[cursor]") {
  Cursor cursor;
  for (Sequence sequence = 10; sequence <= 30; sequence += 10) cursor.take(sequence);
  CHECK(cursor.cursor() == 9);
  CHECK(cursor.finish(10));
  CHECK(cursor.cursor() == 19);
  CHECK(cursor.finish(20));
  CHECK(cursor.finish(30));
  CHECK_FALSE(cursor.finish(30));
  CHECK(cursor.cursor() == 30);
  cursor.pass(44);
  CHECK(cursor.cursor() == 44);
  CHECK(cursor.runs() == 0);
}

TEST_CASE("a message that is never acknowledged does not make memory grow", "[cursor]") {
  Cursor cursor;
  cursor.take(5);
  for (Sequence sequence = 10; sequence < 10'000; ++sequence) {
    cursor.take(sequence);
    REQUIRE(cursor.finish(sequence));
    REQUIRE(cursor.runs() <= 2);
  }
  CHECK(cursor.cursor() == 4);
  CHECK(cursor.done_ranges() == Ranges{{10, 9999}});
  CHECK(cursor.finish(5));
  CHECK(cursor.cursor() == 9999);
}

TEST_CASE("a cursor goes on from a record and later acknowledgements", "[cursor]") {
  Cursor cursor(100, {{110, 120}, {130, 130}});
  cursor.add_done(131);
  cursor.add_done(115);
  cursor.add_done(90);
  CHECK(cursor.cursor() == 100);
  CHECK(cursor.done_ranges() == Ranges{{110, 120}, {130, 131}});
  CHECK_FALSE(cursor.is_new(112));
  CHECK(cursor.is_new(121));
  cursor.take(121);
  cursor.pass(125);
  CHECK(cursor.cursor() == 120);
  CHECK(cursor.done_ranges() == Ranges{{130, 131}});
  cursor.pass(140);
  CHECK(cursor.finish(121));
  CHECK(cursor.cursor() == 140);
}

TEST_CASE("a cursor says the same as a table of all messages", "[cursor]") {
  enum class State : std::uint8_t { not_for_it, outstanding, done };
  for (unsigned seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Cursor cursor;
    std::map<Sequence, State> table;
    std::vector<Sequence> open;
    for (Sequence sequence = 1; sequence <= 200; ++sequence) {
      const bool matches = random() % 3 == 0;
      table[sequence] = matches ? State::outstanding : State::not_for_it;
      if (matches) {
        cursor.take(sequence);
        open.push_back(sequence);
      }
      if (random() % 2 == 0) cursor.pass(sequence);
      while (!open.empty() && random() % 3 != 0) {
        // The first is often left behind.
        const std::size_t place = random() % 4 == 0 ? 0 : random() % open.size();
        REQUIRE(cursor.finish(open[place]));
        table[open[place]] = State::done;
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(place));
      }
      if (random() % 10 == 0) cursor = Cursor(cursor.cursor(), cursor.done_ranges());
      // A new one knows its outstanding messages by their being shown again.
      for (const Sequence one : open) {
        if (cursor.is_new(one)) cursor.take(one);
      }
      cursor.pass(sequence);
      const Sequence first_open = open.empty() ? sequence + 1 : *std::ranges::min_element(open);
      REQUIRE(cursor.cursor() == first_open - 1);
      for (const auto& [one, state] : table) {
        REQUIRE((state == State::outstanding ? !cursor.is_done(one) : true));
        REQUIRE((state == State::done ? cursor.is_done(one) : true));
      }
      REQUIRE(cursor.runs() <= 2 * open.size() + 1);
    }
  }
}
