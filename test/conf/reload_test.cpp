#include "conf/reload.h"

#include <catch2/catch.hpp>
#include <string>

#include "conf/options.h"
#include "test/conf/configuration.h"

namespace {

/// A value that is not the default.
std::string_view other_value(const conf::Option& option) {
  if (option.type == conf::Type::flag) return option.default_text == "true" ? "false" : "true";
  if (option.type == conf::Type::choice) {
    return option.choices.substr(option.choices.rfind(' ') + 1);
  }
  return option.example.empty() || option.name == "user" ? "other" : option.example;
}

}  // namespace

TEST_CASE("what is read at start only is said when it changed on reload", "[conf]") {
  const conf::Settings running;
  CHECK(conf::not_reloaded(running, running).empty());
  for (const conf::Option& option : conf::options()) {
    if (option.availability != conf::Availability::works || option.apply == nullptr) continue;
    if (option.scope != conf::Scope::global) continue;
    CAPTURE(option.name);
    conf::Settings read;
    conf::Listener nobody;
    const bool number = option.type == conf::Type::integer;
    const auto value =
        number ? conf::Value(option.maximum) : conf::parse_value(option, other_value(option));
    if (value) option.apply(read, nobody, *value);
    CHECK(conf::not_reloaded(running, read).empty() == option.reloadable);
  }
}
