#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/conf/configuration.h"

using conf::Severity;
using conf_test::good;
using conf_test::is_in;
using conf_test::remarks_of;

namespace {

std::vector<std::string> warnings(const std::string& option, const std::string& value) {
  return remarks_of(good("listener 9001\nprotocol websockets\n" + option + " " + value + "\n"),
                    Severity::warning);
}

}  // namespace

TEST_CASE("an Origin that no browser sends is warned about, with the one that is sent", "[conf]") {
  const auto [value, meant] = GENERATE(table<std::string, std::string>({
      {"https://a.example/", "https://a.example"},
      {"https://a.example/app/?q#f", "https://a.example"},
      {"a.example", "https://a.example"},
      {"//a.example", "https://a.example"},
      {"a.example:8443", "https://a.example:8443"},
      {"HTTPS://A.Example", "https://a.example"},
      {"https://a.example:443", "https://a.example"},
      {"http://a.example:80", "http://a.example"},
      {"http://a.example:", "http://a.example"},
      {"https://user@a.example", "https://a.example"},
      {"wss://a.example/mqtt", "https://a.example"},
      {"ws://a.example:9001", "http://a.example:9001"},
      {"https://[::1]:443", "https://[::1]"},
  }));
  CAPTURE(value);
  const auto found = warnings("websockets_origin", value);
  REQUIRE(found.size() == 1);
  CHECK(is_in("'websockets_origin' '" + value + "' never matches: browsers send '" + meant +
                  "'; write that (test.conf:3)",
              found[0]));
  CHECK(warnings("websockets_origin", meant).empty());
}

TEST_CASE("what no Origin can be is warned about with what to do", "[conf]") {
  const auto [value, says] = GENERATE(table<std::string, std::string>({
      {"*", "without the option every Origin is accepted"},
      {"https://*.a.example", "there are no wildcards"},
      {"https://a.example, https://b.example", "write a 'websockets_origin' for each"},
      {"https://bücher.example", "begins with 'xn--'"},
  }));
  CAPTURE(value);
  const auto found = warnings("websockets_origin", value);
  REQUIRE(found.size() == 1);
  CHECK(is_in(says, found[0]));
}

TEST_CASE("Origins that are sent are taken without a word", "[conf]") {
  const std::string value =
      GENERATE("https://a.example", "http://a.example:8080", "https://a.example:80",
               "http://localhost", "http://[::1]:9001", "null", "file://", "capacitor://localhost",
               "chrome-extension://abcdefghijklmnop", "https://xn--bcher-kva.example");
  CAPTURE(value);
  CHECK(warnings("websockets_origin", value).empty());
}

TEST_CASE("a path that no request has is warned about, with the one that it may have", "[conf]") {
  const auto [value, meant] = GENERATE(table<std::string, std::string>({
      {"mqtt", "/mqtt"},
      {"/mqtt?key=1", "/mqtt"},
      {"/mqtt#x", "/mqtt"},
      {"wss://a.example/mqtt", "/mqtt"},
      {"http://a.example", "/"},
      {"/a b", "/a%20b"},
      {"/ü", "/%C3%BC"},
  }));
  CAPTURE(value);
  const auto found = warnings("http_path", value);
  REQUIRE(found.size() == 1);
  CHECK(is_in("'http_path' '" + value + "' never matches: ", found[0]));
  CHECK(is_in("write '" + meant + "' (test.conf:3)", found[0]));
  CHECK(warnings("http_path", meant).empty());
}

TEST_CASE("paths that requests have are taken without a word", "[conf]") {
  const std::string value = GENERATE("/", "/mqtt", "/MQTT/", "/a%20b", "/a/b;c=*");
  CAPTURE(value);
  CHECK(warnings("http_path", value).empty());
}
