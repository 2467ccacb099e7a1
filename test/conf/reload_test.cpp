#include "conf/reload.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "conf/load.h"
#include "conf/resolve.h"
#include "test/conf/configuration.h"

namespace {

conf::Configuration read(std::string_view text) {
  const conf::Source source = conf::read_source(text, "test.conf");
  CHECK_FALSE(conf::has_errors(source.diagnostics));
  return conf::resolve_configuration(source);
}

std::vector<std::string> names(const std::vector<conf::OptionChange>& changes) {
  std::vector<std::string> list;
  for (const conf::OptionChange& each : changes) {
    list.push_back(std::string(each.option->name) + " " + each.before + " -> " + each.after);
  }
  return list;
}

/// A value that is not the default.
conf::Value other_value(const conf::Option& option) {
  if (option.type == conf::Type::integer) return option.maximum;
  if (option.type == conf::Type::flag) return option.default_text != "true";
  if (option.type == conf::Type::choice) {
    return std::string(option.choices.substr(option.choices.rfind(' ') + 1));
  }
  return std::string("other");
}

}  // namespace

TEST_CASE("what two configurations differ in is named by option, with both values", "[conf]") {
  const auto before = read("max_queued_messages 5\nlog_type error\nlistener 1883\nmax_qos 1\n");
  const auto after = read(
      "max_queued_messages 7\nmax_keepalive 60\nlog_type error\nlog_type warning\n"
      "retain_available true\nlistener 1883\n");
  CHECK(names(conf::changed_options(before.written.globals, after.written.globals)) ==
        std::vector<std::string>{"max_keepalive 0 -> 60", "max_queued_messages 5 -> 7",
                                 "log_type error -> error, warning"});
  CHECK(
      names(conf::changed_options(before.written.listeners.at(0), after.written.listeners.at(0))) ==
      std::vector<std::string>{"max_qos 1 -> 2"});
  CHECK(conf::changed_options(before.written.globals, before.written.globals).empty());
}

TEST_CASE("what a listener inherits is a change of the broker, not of the listener", "[conf]") {
  const auto before = read("allow_anonymous true\nlistener 1883\nlistener 1884\n");
  const auto after = read("allow_anonymous false\nlistener 1883\nlistener 1884\n");
  CHECK(conf::changed_options(before.written.globals, after.written.globals).size() == 1);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(conf::changed_options(before.written.listeners.at(i), after.written.listeners.at(i))
              .empty());
  }
}

TEST_CASE("options that are read at start only keep the values of the start", "[conf]") {
  for (const conf::Option& option : conf::options()) {
    if (option.availability != conf::Availability::works || option.apply == nullptr) continue;
    if (option.reloadable || option.scope != conf::Scope::global) continue;
    CAPTURE(option.name);
    const conf::Settings start;
    conf::Settings settings;
    conf::Listener nobody;
    option.apply(settings, nobody, other_value(option));
    const conf::WrittenOptions written{{&option, {other_value(option)}}};
    conf::Settings changed = settings;
    CHECK_FALSE(settings == start);
    conf::keep_start_values(settings, {}, written);  // set now, not then
    CHECK(settings == start);
    conf::keep_start_values(settings, written, {});  // the reverse
    CHECK(settings == changed);
  }
}
