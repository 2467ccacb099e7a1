#include "auth/acl_rule.h"

#include <catch2/catch.hpp>
#include <string>

using auth::AclFilter;

TEST_CASE("ACL filters match as topic filters do", "[acl_rule]") {
  const auto [filter, topic, matches] = GENERATE(table<std::string, std::string, bool>({
      {"a/b", "a/b", true},       {"a/b", "a/bc", false},
      {"a/b", "a", false},        {"a/b", "a/b/c", false},
      {"a/+", "a/b", true},       {"a/+", "a/", true},
      {"a/+", "a", false},        {"a/+", "a/b/c", false},
      {"a/#", "a", true},         {"a/#", "a/", true},
      {"a/#", "a/b/c", true},     {"a/#", "ab", false},
      {"+", "a", true},           {"+", "a/b", false},
      {"+/+", "/", true},         {"+/b/#", "a/b", true},
      {"+/b/#", "a/b/c", true},   {"+/b/#", "a/bc", false},
      {"#", "a/b", true},         {"#", "", true},
      {"+/#", "a", true},         {"/#", "", true},
      {"/a", "/a", true},         {"/a", "a", false},
      {"#", "$SYS/x", false},     {"+/x", "$SYS/x", false},
      {"+/#", "$SYS", false},     {"$SYS/#", "$SYS", true},
      {"$SYS/+", "$SYS/x", true}, {"a/+/c", "a//c", true},
      {"a b/#", "a b/c", true},   {"%c/%u", "%c/%u", true},
      {"%c/%u", "id/u", false},
  }));
  CAPTURE(filter, topic);
  CHECK(AclFilter::literal(filter).matches(topic, {"id"}) == matches);
}

TEST_CASE("%c and %u in patterns stand for client id and user name", "[acl_rule]") {
  const auto [pattern, topic, matches] = GENERATE(table<std::string, std::string, bool>({
      {"q/%u/%c", "q/alice/dev1", true},
      {"q/%u/%c", "q/alice/dev2", false},
      {"q/%u/%c", "q/bob/dev1", false},
      {"%c", "dev1", true},
      {"%c/#", "dev1", true},
      {"%c/#", "dev1/x/y", true},
      {"%c/#", "dev11", false},
      {"%u/#", "alice", true},
      {"x-%c-%u-y/+", "x-dev1-alice-y/z", true},
      {"%c%c", "dev1dev1", true},
      {"y/%%c", "y/%dev1", true},
      {"z%", "z%", true},
      {"+/%c/#", "room/dev1", true},
      {"+/%c", "$SYS/dev1", false},
  }));
  CAPTURE(pattern, topic);
  const AclFilter filter = AclFilter::pattern(pattern, "alice");
  CHECK(filter.matches(topic, {"dev1"}) == matches);
  CHECK(AclFilter::literal(filter.text({"dev1"})).matches(topic, {""}) == matches);
}

TEST_CASE("the intersection of two filters matches what both match", "[acl_rule]") {
  const auto [left, right, both] = GENERATE(table<std::string, std::string, std::string>({
      {"a", "a", "a"},
      {"a", "b", ""},
      {"a/+", "+/b", "a/b"},
      {"a/#", "a/+/c", "a/+/c"},
      {"a/#", "a", "a"},
      {"a/#", "+/b/#", "a/b/#"},
      {"#", "a/b", "a/b"},
      {"#", "#", "#"},
      {"#", "+/+", "+/+"},
      {"+/b/#", "a/+", "a/b"},
      {"a/b", "a", ""},
      {"a/+", "a", ""},
      {"a/+/#", "a", ""},
      {"a/+/#", "a/#", "a/+/#"},
      {"$SYS/#", "#", ""},
      {"$SYS/#", "+/x", ""},
      {"$SYS/#", "$SYS/x", "$SYS/x"},
      {"/a", "+/a", "/a"},
      {"/", "+/+", "/"},
  }));
  CAPTURE(left, right);
  CHECK(auth::intersection(left, right) == both);
  CHECK(auth::intersection(right, left) == both);
}

TEST_CASE("a filter covers another if it matches all of its topics", "[acl_rule]") {
  const auto [wide, narrow, yes] = GENERATE(table<std::string, std::string, bool>({
      {"a", "a", true},
      {"a", "b", false},
      {"#", "a/b", true},
      {"#", "#", true},
      {"#", "$SYS/#", false},
      {"a/#", "a", true},
      {"a/#", "a/+/c", true},
      {"a/+", "a/b", true},
      {"a/+", "a/+", true},
      {"a/+", "a/#", false},
      {"a/b", "a/+", false},
      {"+/#", "#", false},
      {"+/b", "a/b", true},
      {"a/b/#", "a/#", false},
      {"$SYS/#", "$SYS/x", true},
      {"+/x", "$SYS/x", false},
      {"a/+/#", "a", false},
  }));
  CAPTURE(wide, narrow);
  CHECK(auth::covers(wide, narrow) == yes);
}
