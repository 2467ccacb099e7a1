#include "conf/ask_line.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "conf/command_line.h"

namespace {

using Arguments = std::vector<std::string_view>;

std::expected<conf::AskLine, conf::Diagnostics> parse(std::string_view command,
                                                      const Arguments& arguments) {
  return conf::parse_ask_line(*conf::find_ask_command(command), arguments);
}

/// The sentences of what is wrong.
std::string errors_of(std::string_view command, const Arguments& arguments) {
  const auto line = parse(command, arguments);
  std::string text;
  if (!line) {
    for (const conf::Diagnostic& each : line.error()) text += each.text + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a command that asks becomes words", "[ask_line]") {
  const auto line = parse("clients", {"-c", "f.conf", "--filter", "id=a*", "--filter=user=b",
                                      "--limit", "5", "--json"});
  REQUIRE(line.has_value());
  CHECK(line->config_file == "f.conf");
  CHECK(line->json);
  CHECK(line->words == std::vector<std::string>{"filter=id=a*", "filter=user=b", "limit=5"});
  CHECK(line->value_of("limit") == "5");
  CHECK(line->value_of("lim").empty());
}

TEST_CASE("operands are asked for and taken once", "[ask_line]") {
  CHECK(parse("kick", {"sensor-7"})->words == std::vector<std::string>{"of=sensor-7"});
  CHECK(parse("retained", {})->words.empty());
  CHECK(errors_of("kick", {}) == "'kick' needs an operand: darter kick ID [-c FILE] [--json]\n");
  CHECK(errors_of("kick", {"a", "b"}).starts_with("Unknown argument 'b' of darter kick;"));
  CHECK(errors_of("clients", {"a"}).starts_with("Unknown argument 'a' of darter clients;"));
  CHECK(errors_of("kick", {""}).starts_with("The operand is empty"));
}

TEST_CASE("operands are words, choices and values, in order", "[ask_line]") {
  const auto line = parse("acl", {"check", "--user", "ann", "publish", "a/b"});
  REQUIRE(line.has_value());
  CHECK(line->words == std::vector<std::string>{"user=ann", "do=publish", "of=a/b"});
  CHECK(errors_of("acl", {"check", "write", "a"})
            .starts_with("'write' is not publish|subscribe|receive: darter acl check "));
  CHECK(errors_of("acl", {"test", "publish", "a"}).starts_with("'test' is not check: darter acl"));
  CHECK(errors_of("acl", {"check", "publish"}).starts_with("'acl' needs an operand: darter acl"));
  CHECK(errors_of("acl", {"check", "publish", "a", "b"}).starts_with("Unknown argument 'b'"));
}

TEST_CASE("wrong options are told", "[ask_line]") {
  CHECK(errors_of("clients", {"--filtr", "x"}).contains("did you mean '--filter'?"));
  CHECK(errors_of("clients", {"--filter"}) == "'--filter' needs a value: --filter KEY=PATTERN\n");
  CHECK(errors_of("clients", {"--json=x"}) == "'--json' takes no value\n");
  CHECK(errors_of("client", {"a", "--filter", "b"}).contains("Unknown argument '--filter'"));
  CHECK(errors_of("retained", {"--delete"}).contains("'--delete' needs a topic"));
}

TEST_CASE("numbers of options are checked before anybody is asked", "[ask_line]") {
  CHECK(parse("top", {"--count", "3", "--interval=1"})->words ==
        std::vector<std::string>{"count=3", "interval=1"});
  CHECK(errors_of("top", {"--interval", "0"}) ==
        "'--interval' wants a number from 1 to 3600, not '0'\n");
  CHECK(errors_of("clients", {"--limit", "5x"}) ==
        "'--limit' wants a number from 1 to 10000, not '5x'\n");
}

TEST_CASE("help wins over what stands behind it", "[ask_line]") {
  CHECK(parse("kick", {"-h", "--wrong"})->help);
  for (const conf::AskCommand& each : conf::ask_commands()) {
    const std::string text = conf::ask_help_text(each);
    CHECK(text.contains(std::string("Usage: darter ") + std::string(each.name)));
    CHECK(text.contains("Examples:\n  darter "));
    for (const conf::ArgumentText& option : each.options) CHECK(text.contains(option.long_name));
    CHECK(conf::help_text("1").contains(each.help.substr(0, 20)));
  }
}

TEST_CASE("a mistyped command is guessed", "[ask_line]") {
  const Arguments arguments{"clientz"};
  const auto line = conf::parse_command_line(arguments);
  REQUIRE_FALSE(line.has_value());
  CHECK(line.error().front().text.contains("did you mean 'client"));
}
