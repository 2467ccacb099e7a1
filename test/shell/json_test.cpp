#include "tools/darter-client/json.h"

#include <catch2/catch.hpp>
#include <string>

using shell::parse_json;
using shell::print_json;

namespace {

std::string again(const std::string& text) {
  const auto value = parse_json(text);
  return value ? print_json(*value, false) : "none";
}

}  // namespace

TEST_CASE("JSON is printed as cJSON prints it", "[json]") {
  const auto [text, printed] = GENERATE(table<std::string, std::string>({
      {"1", "1"},
      {" -0.5e2 ", "-50"},
      {"0.1", "0.1"},
      {"1e300", "1e+300"},
      {"1e999", "null"},
      {"12345678901234567890", "1.2345678901234567e+19"},
      {"3.141592653589793", "3.1415926535897931"},
      {"01", "1"},
      {"[]", "[]"},
      {"{}", "{}"},
      {"[1,[2,[3]]]", "[1,[2,[3]]]"},
      {R"({"a":1,"a":2})", R"({"a":1,"a":2})"},
      {R"("\u00e9\ud83d\ude00\n\/")", "\"\u00e9\U0001F600\\n/\""},
      {"\xEF\xBB\xBFtrue", "true"},
  }));
  CAPTURE(text);
  CHECK(again(text) == printed);
}

TEST_CASE("text that is no JSON is refused", "[json]") {
  const auto* const text =
      GENERATE("", " ", "x", "[", "[1", "[1,]", "{", "{1:2}", "{\"a\"}", "{\"a\":}", "\"a", "\"\\",
               "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "1 2",
               "truex", "-", "nul");
  CAPTURE(text);
  CHECK(again(text) == "none");
}

TEST_CASE("JSON inside of itself has a bound", "[json]") {
  const auto nested = [](std::size_t depth) {
    return again(std::string(depth, '[') + std::string(depth, ']'));
  };
  CHECK(nested(shell::json_depth_max) != "none");
  CHECK(nested(shell::json_depth_max + 1) == "none");
}
