#include "conf/reload.h"

#include <catch2/catch.hpp>
#include <string>

#include "conf/options.h"
#include "test/conf/configuration.h"

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
        number ? conf::Value(option.maximum)
               : conf::parse_value(option, option.name == "user" ? "other" : option.example);
    if (value) option.apply(read, nobody, *value);
    CHECK(conf::not_reloaded(running, read).empty() == option.reloadable);
  }
}
