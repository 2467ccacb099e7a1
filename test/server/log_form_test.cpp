#include "broker/server/log_form.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <stdlib.h>
#include <string>
#include <time.h>

namespace server {
namespace {

using broker::Event;
using broker::LogFields;
using broker::LogType;

/// The message of a line, as a reader of JSON gets it.
std::string message_of(std::string_view line) {
  const auto json = nlohmann::json::parse(json_form("", LogType::notice, {}, "", line));
  return json.at("message").get<std::string>();
}

}  // namespace

TEST_CASE("a JSON line has all fields in their order", "[log_form]") {
  const LogFields fields{.event = Event::login_failed,
                         .client_id = "a",
                         .user_name = "b",
                         .address = "192.0.2.1",
                         .port = 40'000,
                         .listener = 0,
                         .reason_code = 135};
  CHECK(json_form("2026-11-30T12:57:44.123Z", LogType::warning, fields, "1883", "Client a") ==
        R"({"time":"2026-11-30T12:57:44.123Z","level":"warning","event":"login_failed",)"
        R"("client":"a","user":"b","address":"192.0.2.1","port":40000,"listener":"1883",)"
        R"("reason_code":135,"message":"Client a"})");
}

TEST_CASE("a JSON line leaves out what is not known", "[log_form]") {
  CHECK(json_form("", LogType::information, {}, "", "darter") ==
        R"({"level":"information","event":"message","message":"darter"})");
  // A reason code of 0 is known: Success.
  CHECK(json_form("", LogType::notice, {.event = Event::client_disconnected, .reason_code = 0}, "",
                  "") ==
        R"({"level":"notice","event":"client_disconnected","reason_code":0,"message":""})");
}

TEST_CASE("any bytes make valid JSON, and no control character", "[log_form]") {
  CHECK(message_of("a\"b\\c") == "a\"b\\c");
  CHECK(message_of(std::string_view("\0\t\n\x1B\x7F", 5)) == std::string("\0\t\n\x1B\x7F", 5));
  CHECK(message_of("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") ==
        "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(message_of("a\xFF\xC3z\xED\xA0\x80") ==
        "a\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(message_of("\xC2\x9B[2J") == "\xC2\x9B[2J");
  for (int byte = 0; byte < 256; ++byte) {
    const std::string two{static_cast<char>(byte), 'x'};
    const std::string json = json_form("", LogType::notice, {.client_id = two}, "", two);
    CAPTURE(byte, json);
    CHECK(nlohmann::json::accept(json));
    for (const char letter : json)
      CHECK((static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7F));
  }
  CHECK_FALSE(json_form("", LogType::notice, {}, "", "\xC2\x9B").contains('\xC2'));
}

TEST_CASE("texts of clients are cut, and so is the line", "[log_form]") {
  const std::string many(100'000, 'i');
  const auto json =
      nlohmann::json::parse(json_form("", LogType::notice, {.client_id = many}, "", ""));
  CHECK(json.at("client").get<std::string>() == std::string(200, 'i') + "...");
  // Characters that take six bytes each, in all places at once.
  const std::string worst(100'000, '\x01');
  const std::string line =
      json_form("", LogType::notice, {.client_id = worst, .user_name = worst, .address = worst},
                worst, worst);
  CHECK(line.size() <= line_bytes_max);
  CHECK(nlohmann::json::parse(line).at("message").get<std::string>().ends_with("..."));
  CHECK(json_form("", LogType::notice, {}, "", many).size() == line_bytes_max);
}

TEST_CASE("the text form is the line, without control characters", "[log_form]") {
  CHECK(text_form("Client a\t[192.0.2.1]") == "Client a\t[192.0.2.1]");
  CHECK(text_form("a\nb\x7F\xC2\x9B") == "a\\x0Ab\\x7F\\xC2\\x9B");
  CHECK(text_form(std::string(line_bytes_max + 1, 'x')).size() == line_bytes_max);
}

TEST_CASE("times are RFC 3339 with milliseconds", "[log_form]") {
  using std::chrono::milliseconds;
  const std::chrono::system_clock::time_point time{milliseconds(1'796'043'464'007)};
  CHECK(utc_time(time) == "2026-11-30T12:57:44.007Z");
  const char* const before = getenv("TZ");
  const std::string kept = before == nullptr ? "" : before;
  for (const auto& [zone, text] : {std::pair{"AAA-5:30", "2026-11-30T18:27:44.007+05:30"},
                                   std::pair{"AAA3", "2026-11-30T09:57:44.007-03:00"},
                                   std::pair{"UTC0", "2026-11-30T12:57:44.007+00:00"}}) {
    setenv("TZ", zone, 1);
    tzset();
    CHECK(local_time(time) == text);
  }
  if (before == nullptr) {
    unsetenv("TZ");
  } else {
    setenv("TZ", kept.c_str(), 1);
  }
  tzset();
}

}  // namespace server
