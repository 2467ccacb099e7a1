#include "broker/core/events.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

namespace broker {

TEST_CASE("each event has a name of its own, a meaning and an action", "[events]") {
  std::set<std::string_view> names;
  REQUIRE(event_texts().size() == event_count);
  for (const EventText& each : event_texts()) {
    CAPTURE(each.name);
    CHECK(names.insert(each.name).second);
    CHECK(std::ranges::all_of(
        each.name, [](char letter) { return (letter >= 'a' && letter <= 'z') || letter == '_'; }));
    CHECK(each.meaning.ends_with('.'));
    CHECK(each.action.ends_with('.'));
    CHECK(event_of(each.name) == each.event);
    CHECK(&text_of(each.event) == &each);
  }
}

TEST_CASE("an event is known by its whole name only", "[events]") {
  CHECK(event_of("login_failed") == Event::login_failed);
  CHECK_FALSE(event_of("login"));
  CHECK_FALSE(event_of("LOGIN_FAILED"));
  CHECK_FALSE(event_of(""));
}

TEST_CASE("an event says what it does to a client", "[events]") {
  CHECK(name_of(text_of(Event::login_failed).effect) == "refuses");
  CHECK(name_of(text_of(Event::message_dropped).effect) == "drops");
  CHECK(name_of(text_of(Event::address_banned).effect) == "bans");
  CHECK(name_of(text_of(Event::takeover).effect) == "disconnects");
  CHECK(name_of(text_of(Event::broker_running).effect).empty());
}

}  // namespace broker
