#include "broker/server/explain_command.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "broker/core/events.h"
#include "conf/help.h"

namespace server {

TEST_CASE("darter explain prints each event, alone and in the list", "[explain]") {
  const std::string list = *explain({});
  const auto all = nlohmann::json::parse(*explain({.event = {}, .json = true}));
  REQUIRE(all.size() == broker::event_count);
  for (const broker::EventText& each : broker::event_texts()) {
    CAPTURE(each.name);
    const std::string name(each.name);
    CHECK(list.contains("\n" + name + "  ") == (each.event != broker::Event::message));
    const std::string page = *explain({.event = name});
    CHECK(page.starts_with(name));
    CHECK(page.contains(each.meaning.substr(0, 20)));
    CHECK(page.contains(each.action.substr(0, 7)));
    const auto json = nlohmann::json::parse(*explain({.event = name, .json = true}));
    CHECK(json.at("event") == name);
    CHECK(json.at("action") == std::string(each.action));
    CHECK(json == all.at(static_cast<std::size_t>(each.event)));
  }
}

TEST_CASE("darter explain names the event that is meant", "[explain]") {
  CHECK(explain({.event = "login_faild"}).error() ==
        "No event is named 'login_faild'; did you mean 'login_failed'?");
  CHECK(explain({.event = "xyz", .json = true}).error() ==
        "No event is named 'xyz'; 'darter explain' lists all.");
}

TEST_CASE("the arguments of darter explain", "[explain]") {
  using Words = std::vector<std::string_view>;
  CHECK(conf::parse_explain_line({})->event.empty());
  const auto line = conf::parse_explain_line(Words{"takeover", "--json"});
  CHECK(line->event == "takeover");
  CHECK(line->json);
  CHECK(conf::parse_explain_line(Words{"--help", "--wrong"})->help);
  CHECK(conf::parse_explain_line(Words{"a", "b"}).error().front().text.contains("one event"));
  CHECK(conf::parse_explain_line(Words{"--wrong"}).error().front().text.contains("--wrong"));
  CHECK(conf::explain_help_text().contains("--json"));
}

}  // namespace server
