#include "broker/server/component_options.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "conf/options.h"
#include "conf/value.h"

namespace {

/// Values of which one at least is not the default.
std::vector<conf::Value> values_of(const conf::Option& option) {
  if (option.type == conf::Type::integer) return {option.minimum, option.maximum};
  if (option.type == conf::Type::duration) return {std::int64_t{86'400}};
  if (option.type == conf::Type::file_mode) return {std::string("0700")};
  if (option.type == conf::Type::flag) return {true, false};
  if (option.type == conf::Type::versions) return {std::string("5")};
  if (option.type == conf::Type::networks) return {std::string("192.0.2.0/24")};
  if (option.choices.empty()) return {std::string("other")};
  std::vector<conf::Value> values;
  for (const auto word : conf::words_of(option.choices)) values.emplace_back(std::string(word));
  return values;
}

/// A configuration in which every option could have an effect.
conf::Settings settings_with(const conf::Option& option, const conf::Value& value) {
  conf::Settings settings;
  conf::Listener listener;
  listener.tls.certfiles = {"certificate"};
  listener.tls.psk_hint = "hint";
  option.apply(settings, listener, value);
  while (listener.tls.keyfiles.size() < listener.tls.certfiles.size()) {
    listener.tls.keyfiles.emplace_back("key");
  }
  // An option of the whole broker that listeners inherit.
  if (option.scope == conf::Scope::global) listener.slow_consumer = settings.slow_consumer;
  settings.listeners = {listener};
  return settings;
}

/// Rows that are for other parts of reading than the settings of what runs.
bool is_about_reading(const conf::Option& option) {
  return option.apply == nullptr || option.availability != conf::Availability::works ||
         option.scope == conf::Scope::bridge || option.scope == conf::Scope::plugin;
}

}  // namespace

// Whoever adds an option sees to it that a reload takes it over, or marks it in the table.
TEST_CASE("an option changes what a running broker is told, exactly if it is reloadable",
          "[server]") {
  conf::Option nothing;
  nothing.apply = [](conf::Settings&, conf::Listener&, const conf::Value&) {};
  const auto before = server::component_options_of(settings_with(nothing, false), 0);
  for (const conf::Option& option : conf::options()) {
    // Accepted and without effect: output leaves at once in any case.
    if (is_about_reading(option) || option.name == "set_tcp_nodelay") continue;
    CAPTURE(option.name);
    const auto values = values_of(option);
    const bool matters = std::ranges::any_of(values, [&](const conf::Value& value) {
      return server::component_options_of(settings_with(option, value), 0) != before;
    });
    CHECK(matters == option.reloadable);
  }
}
