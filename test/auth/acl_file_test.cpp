#include "auth/acl_file.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>

namespace {

using auth::AclFile;
using broker::Access;

AclFile parsed(const std::string& text) {
  auto file = AclFile::parse(text, "acl");
  INFO(text);
  REQUIRE(file.has_value());
  return std::move(*file);
}

struct Case {
  std::string acl;
  Access access;
  std::optional<std::string> user;
  std::string client_id;
  std::string topic;
  bool allowed;
};

constexpr auto publish = Access::publish;
constexpr auto receive = Access::receive;
constexpr auto subscribe = Access::subscribe;
constexpr auto none = std::nullopt;

const std::string kinds =
    "user a\ntopic read r/#\ntopic write w/+/x\ntopic rw\ntopic readwrite spa ce/#\n";
const std::string denials = "user a\ntopic deny d/#\ntopic d/1\ntopic e/#\ntopic deny e/1\n";
const std::string patterns = "user a\ntopic p/1\npattern deny p/#\npattern p/2\npattern q/%u/%c\n";
const std::string wide_names = "user a\ntopic t/#\npattern q/%c/x\n";
const std::string roots = "user a\ntopic #\nuser s\ntopic $SYS/#\n";

}  // namespace

// Each of these was put to mosquitto 2.0.11, which answered the same.
TEST_CASE("publish and receive are judged as Mosquitto judges them", "[acl_file]") {
  const auto test = GENERATE(values<Case>({
      {kinds, publish, "a", "c", "r/1", false},
      {kinds, receive, "a", "c", "r/1", true},
      {kinds, receive, "a", "c", "r", true},
      {kinds, publish, "a", "c", "w/1/x", true},
      {kinds, receive, "a", "c", "w/1/x", false},
      {kinds, publish, "a", "c", "rw", true},
      {kinds, receive, "a", "c", "rw", true},
      {kinds, publish, "a", "c", "spa ce/1", true},
      {kinds, publish, "b", "c", "rw", false},
      {kinds, publish, none, "c", "rw", false},
      {denials, publish, "a", "c", "d/1", false},
      {denials, publish, "a", "c", "e/1", false},
      {denials, receive, "a", "c", "e/1", false},
      {denials, publish, "a", "c", "e/2", true},
      {patterns, publish, "a", "c", "p/1", true},  // the user's own line goes before patterns
      {patterns, publish, "a", "c", "p/2", false},
      {patterns, publish, "b", "c", "p/1", false},
      {patterns, publish, "a", "c", "q/a/c", true},
      {patterns, publish, "a", "c", "q/b/c", false},
      {patterns, publish, none, "c", "q/%u/c", false},
      {patterns, publish, none, "c", "q//c", false},
      {wide_names, publish, "a", "c+", "q/c/x", false},
      {wide_names, publish, "a", "c+", "q/c+/x", false},
      {wide_names, publish, "a", "c+", "t/1", true},
      {wide_names, publish, "a", "c/d", "q/c/d/x", true},
      {wide_names, publish, "a/b", "c", "q/c/x", true},
      {wide_names, publish, "a#", "c", "q/c/x", false},
      {wide_names, publish, "+", "c", "q/c/x", false},
      {roots, publish, "a", "c", "$SYS/x", false},
      {roots, receive, "a", "c", "$X/x", false},
      {roots, publish, "a", "c", "x", true},
      {roots, receive, "s", "c", "$SYS/x", true},
      {"pattern $X/%c\npattern %c\npattern +/y\n", publish, "a", "$Z", "$Z", true},
      {"pattern $X/%c\npattern %c\npattern +/y\n", publish, "a", "c", "$Z/y", false},
      {"topic anon/#\nuser a\ntopic x\n", publish, none, "c", "anon/1", true},
      {"topic anon/#\nuser a\ntopic x\n", publish, "a", "c", "anon/1", false},
      {"user a\ntopic one\nuser b\ntopic two\nuser a\ntopic three\n", publish, "a", "c", "one",
       true},
      {"user a\ntopic one\nuser b\ntopic two\nuser a\ntopic three\n", publish, "a", "c", "three",
       true},
      {"user a\ntopic one\nuser b\ntopic two\nuser a\ntopic three\n", publish, "a", "c", "two",
       false},
      {"pattern x/%u/#\n", publish, "a", "c", "x/a", true},
      {"pattern x/%u/#\n", publish, none, "c", "x/a", false},
      {"topic x/%c\npattern y/%%c\npattern z%\n", publish, none, "c", "x/c", false},
      {"topic x/%c\npattern y/%%c\npattern z%\n", publish, none, "c", "x/%c", true},
      {"topic x/%c\npattern y/%%c\npattern z%\n", publish, none, "c", "y/%c", true},
      {"topic x/%c\npattern y/%%c\npattern z%\n", publish, none, "c", "z%", true},
      {"", publish, "a", "c", "x", false},
      {"", publish, none, "c", "x", false},
      {"# only a comment\n", publish, none, "c", "x", false},
      {"user a\n", publish, "a", "c", "x", false},
      {"topic read \n", publish, none, "c", "read", true},
      {"topic deny\n", publish, none, "c", "deny", true},
      {"  topic x\n", publish, none, "c", "x", true},
      {"topic  read   x  \n", receive, none, "c", "x", true},
      {"topic  read   x  \n", publish, none, "c", "x", false},
      {"user two words\ntopic x\n", publish, "two words", "c", "x", true},
      {"user a\n\n\ntopic x\r\n", publish, "a", "c", "x", true},
  }));
  CAPTURE(test.acl, test.user.value_or("(none)"), test.client_id, test.topic);
  CHECK(parsed(test.acl).permissions(test.user)->allows(test.access, test.topic,
                                                        {test.client_id}) == test.allowed);
}

TEST_CASE("%a in a pattern is the client's address", "[acl_file]") {
  struct Asked {
    Access access;
    std::string topic;
    std::string address;
    bool allowed;
  };
  const auto file = parsed(
      "user a\ntopic t/%a\npattern a/%a/#\npattern write w/%c@%a\npattern read all/#\n"
      "pattern deny all/%a/secret\n");
  const auto asked = GENERATE(values<Asked>({
      {publish, "a/192.0.2.1/x", "192.0.2.1", true},
      {publish, "a/192.0.2.1", "192.0.2.1", true},
      {publish, "a/192.0.2.10/x", "192.0.2.1", false},
      {publish, "a/192.0.2.1/x", "192.0.2.2", false},
      {receive, "a/2001:db8::1/x", "2001:db8::1", true},
      {receive, "a/unix/x", "unix", true},
      {publish, "w/c@192.0.2.1", "192.0.2.1", true},
      {publish, "t/%a", "192.0.2.1", true},
      {publish, "t/192.0.2.1", "192.0.2.1", false},
      {receive, "all/192.0.2.1/secret", "192.0.2.1", false},
      {receive, "all/192.0.2.1/secret", "192.0.2.2", true},
      {subscribe, "a/+/x", "192.0.2.1", true},
      {subscribe, "a/192.0.2.2/x", "192.0.2.1", false},
      {subscribe, "all/192.0.2.1/secret", "192.0.2.1", false},
      // As long as no address is known, lines that name it grant nothing, and deny it to any.
      {publish, "a//x", "", false},
      {publish, "a/", "", false},
      {subscribe, "a/#", "", false},
      {receive, "all/192.0.2.1/secret", "", false},
      {receive, "all/192.0.2.1/public", "", true},
  }));
  const auto permissions = file.permissions("a");
  CAPTURE(asked.topic, asked.address);
  CHECK(permissions->names_address());
  CHECK(permissions->allows(asked.access, asked.topic, {"c", asked.address}) == asked.allowed);
  CHECK_FALSE(parsed("topic t/%a\npattern %c/#\n").permissions("a")->names_address());
}

// Mosquitto lets every SUBSCRIBE through; a filter that cannot bring anything is refused here.
TEST_CASE("a subscription is refused if nothing it matches may be received", "[acl_file]") {
  const auto test = GENERATE(values<Case>({
      {kinds, subscribe, "a", "c", "r/1", true},
      {kinds, subscribe, "a", "c", "r/#", true},
      {kinds, subscribe, "a", "c", "#", true},
      {kinds, subscribe, "a", "c", "+/+", true},
      {kinds, subscribe, "a", "c", "w/#", false},
      {kinds, subscribe, "a", "c", "other/#", false},
      {kinds, subscribe, "b", "c", "#", false},
      {denials, subscribe, "a", "c", "d/#", false},
      {denials, subscribe, "a", "c", "d/1", false},
      {denials, subscribe, "a", "c", "e/1", false},
      {denials, subscribe, "a", "c", "e/+", true},
      {patterns, subscribe, "a", "c", "p/#", true},
      {patterns, subscribe, "b", "c", "p/#", false},
      {patterns, subscribe, "b", "c", "q/+/c", true},
      {patterns, subscribe, "b", "c", "q/b/d", false},
      {patterns, subscribe, none, "c", "q/#", false},
      {wide_names, subscribe, "x", "c+", "q/#", false},
      {wide_names, subscribe, "x", "c", "q/#", true},
      {roots, subscribe, "a", "c", "$SYS/#", false},
      {roots, subscribe, "s", "c", "$SYS/#", true},
      {roots, subscribe, "s", "c", "#", false},
      {"user a\ntopic write x\n", subscribe, "a", "c", "x", false},
      {"", subscribe, none, "c", "x", false},
  }));
  CAPTURE(test.acl, test.user.value_or("(none)"), test.client_id, test.topic);
  CHECK(parsed(test.acl).permissions(test.user)->allows(test.access, test.topic,
                                                        {test.client_id}) == test.allowed);
}

TEST_CASE("every bad line of an ACL file is named with file and line", "[acl_file]") {
  const auto [line, why] = GENERATE(table<std::string, std::string>({
      {"topic", "there is no topic"},
      {"pattern  ", "there is no topic"},
      {"topic foo bar", "unknown access \"foo\""},
      {"topic none x", "unknown access \"none\""},
      {"user", "there is no user name"},
      {"user  ", "there is no user name"},
      {"bogus x", "unknown word \"bogus\""},
      {" #indented", "unknown word \"#indented\""},
      {"\ttopic x", "unknown word"},
      {"topic\tread\tx", "unknown word"},
      {"topic a/#/b", "is not a topic filter"},
      {"topic a+", "is not a topic filter"},
      {"topic read a+/b", "is not a topic filter"},
      {"pattern a#", "is not a topic filter"},
      {"pattern x/%c+", "is not a topic filter"},
  }));
  CAPTURE(line);
  const auto file = AclFile::parse("topic ok\n" + line + "\nbogus\n", "/etc/acl");
  REQUIRE_FALSE(file.has_value());
  CHECK_THAT(file.error(), Catch::StartsWith("/etc/acl:2: "));
  CHECK_THAT(file.error(), Catch::Contains(why));
  CHECK_THAT(file.error(), Catch::Contains("\n/etc/acl:3: "));
}

TEST_CASE("a byte order mark is no part of an ACL file", "[acl_file]") {
  CHECK(AclFile::parse("\xEF\xBB\xBFuser alice\ntopic a\n", "acl").has_value());
}

TEST_CASE("a pattern that is the same for all is warned about", "[acl_file]") {
  const auto file = AclFile::parse(
      "user alice\npattern read %c/x\npattern write %u/x\npattern %a\npattern read all/#\n"
      "topic plain\n",
      "/etc/acl");
  REQUIRE(file.has_value());
  REQUIRE(file->warnings().size() == 1);
  CHECK(file->warnings()[0].starts_with("/etc/acl:5: the pattern \"all/#\" has no %c, %u or %a"));
}

TEST_CASE("two ACL files are equal if their lines say the same", "[acl_file]") {
  CHECK(parsed("user a\ntopic x\n") == parsed("user a\ntopic readwrite x\n# comment\n"));
  CHECK_FALSE(parsed("user a\ntopic x\n") == parsed("user a\ntopic read x\n"));
  // Denials name lines: these have moved.
  CHECK_FALSE(parsed("user a\ntopic x\n") == parsed("\nuser a\ntopic x\n"));
}

TEST_CASE("a denial names the line that decides", "[acl_file]") {
  const std::string acl =
      "# the first line\n"
      "user ann\n"
      "topic ann/#\n"
      "topic deny ann/secret/#\n"
      "topic read news/#\n"
      "pattern deny dev/%c/locked\n"
      "pattern dev/%c/#\n"
      "pattern deny at/%a/#\n";
  struct Denied {
    Access access;
    std::string client_id, address, topic, by;
  };
  const auto test = GENERATE(values<Denied>({
      {publish, "c", "", "ann/secret/x", "by acl:4"},
      {receive, "c", "", "ann/secret/x", "by acl:4"},
      {publish, "c", "", "news/x", "no line of acl grants it"},
      {publish, "c", "", "dev/c/locked", "by acl:6"},
      {publish, "c", "", "dev/d/x", "no line of acl grants it"},
      {publish, "c", "10.0.0.1", "at/10.0.0.1/x", "by acl:8"},
      {publish, "c", "", "at/10.0.0.1/x", "by acl:8"},
      {publish, "+", "", "dev/+/x",
       "no topic line of acl grants it, and its patterns do not hold for a name with '+' or '#'"},
      {subscribe, "c", "", "ann/secret/#", "by acl:4"},
      {subscribe, "c", "", "ann/secret/x", "by acl:4"},
      {subscribe, "c", "", "dev/+/locked", "by acl:6"},
      {subscribe, "c", "", "other/#", "no line of acl grants it"},
  }));
  CAPTURE(test.client_id, test.topic);
  const auto rights = parsed(acl).permissions("ann");
  const broker::Identity who{test.client_id, test.address};
  CHECK_FALSE(rights->allows(test.access, test.topic, who));
  CHECK(rights->decided_by(test.access, test.topic, who) == test.by);
}

TEST_CASE("a grant names the line that decides", "[acl_file]") {
  const std::string acl =
      "# the first line\n"
      "user ann\n"
      "topic read news/#\n"
      "topic write news/ann\n"
      "pattern deny dev/%c/locked\n"
      "pattern dev/%c/#\n"
      "pattern deny news/hot\n";
  struct Granted {
    Access access;
    std::string topic, by;
  };
  const auto test = GENERATE(values<Granted>({
      {receive, "news/x", "by acl:3"},
      {receive, "news/hot", "by acl:3"},  // the user's own lines come first
      {publish, "news/ann", "by acl:4"},
      {publish, "dev/c/x", "by acl:6"},
      {subscribe, "news/#", "by acl:3"},
      {subscribe, "dev/c/+", "by acl:6"},
  }));
  CAPTURE(test.topic);
  const auto rights = parsed(acl).permissions("ann");
  const broker::Identity who{"c", ""};
  CHECK(rights->allows(test.access, test.topic, who));
  CHECK(rights->decided_by(test.access, test.topic, who) == test.by);
}
