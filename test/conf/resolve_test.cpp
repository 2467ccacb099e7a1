#include "conf/resolve.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/conf/configuration.h"

using conf::Severity;
using conf_test::good;
using conf_test::is_in;
using conf_test::remarks_of;

namespace {

/// The configuration that people copy for a broker behind nginx.
constexpr std::string_view behind_nginx =
    "# The configuration that people copy for \"Mosquitto behind nginx\".\n"
    "per_listener_settings true\n"
    "\n"
    "allow_anonymous false\n"
    "password_file /etc/mosquitto/passwd\n"
    "\n"
    "persistence true\n"
    "persistence_location /var/lib/mosquitto/\n"
    "\n"
    "listener 1883 127.0.0.1\n"
    "\n"
    "listener 9001 127.0.0.1\n"
    "protocol websockets\n"
    "\n"
    "max_keepalive 600\n"
    "message_size_limit 1048576\n"
    "\n"
    "log_type error\n"
    "log_type warning\n"
    "log_type notice\n"
    "log_timestamp true\n";

}  // namespace

TEST_CASE("the copied configuration works as its author meant", "[conf]") {
  const auto settings = good(behind_nginx);
  REQUIRE(settings.listeners.size() == 2);
  for (const auto& listener : settings.listeners) {
    CHECK(listener.address == "127.0.0.1");
    CHECK_FALSE(listener.security.allow_anonymous);
    CHECK(listener.security.password_file == "/etc/mosquitto/passwd");
  }
  CHECK(settings.listeners[0].port == 1883);
  CHECK(settings.listeners[0].protocol == conf::Protocol::mqtt);
  CHECK(settings.listeners[1].port == 9001);
  CHECK(settings.listeners[1].protocol == conf::Protocol::websockets);
  CHECK(settings.max_keepalive_seconds == 600);
  CHECK(settings.message_size_limit_bytes == 1'048'576);
  const auto notices = remarks_of(settings, Severity::notice);
  REQUIRE(notices.size() == 1);
  CHECK(is_in("'per_listener_settings true' is taken to mean", notices[0]));
  CHECK(is_in("(test.conf:2)", notices[0]));
  CHECK(settings.persistence);
  CHECK(settings.persistence_location == "/var/lib/mosquitto/");
  CHECK(remarks_of(settings, Severity::warning).empty());
}

TEST_CASE("without listener, port and bind_address: loopback, and anonymous clients", "[conf]") {
  for (const auto& settings : {good(""), conf::load_defaults(), good("max_connections 7\n")}) {
    REQUIRE(settings.listeners.size() == 1);
    CHECK(settings.listeners[0].port == 1883);
    CHECK(settings.listeners[0].loopback_only);
    CHECK(settings.listeners[0].security.allow_anonymous);
  }
  CHECK(good("max_connections 7\n").listeners[0].max_connections == 7);
  CHECK_FALSE(good("allow_anonymous false\n").listeners[0].security.allow_anonymous);
}

TEST_CASE("allow_anonymous is false as soon as somebody says where to listen", "[conf]") {
  const auto text = GENERATE(as<std::string>(), "listener 1884\n", "port 1884\n",
                             "bind_address 127.0.0.1\n", "[[listener]]\nport = 1884\n");
  const auto settings = good(text);
  REQUIRE(settings.listeners.size() == 1);
  CHECK_FALSE(settings.listeners[0].security.allow_anonymous);
  CHECK_FALSE(settings.listeners[0].loopback_only);
}

TEST_CASE("ports of the command line: loopback only, and no match for a file's", "[conf]") {
  const auto two = conf::load_defaults({1884, 1885});
  REQUIRE(two.listeners.size() == 2);
  CHECK(two.listeners[1].port == 1885);
  CHECK(two.listeners[1].loopback_only);
  CHECK(two.listeners[1].security.allow_anonymous);
  const auto text = GENERATE(as<std::string>(), "listener 1999\n", "port 1999\n");
  const auto settings = conf::load_text(text, "f", {1884});
  REQUIRE(settings);
  REQUIRE(settings->listeners.size() == 1);
  CHECK(settings->listeners[0].port == 1999);
  CHECK(conf::load_text("max_keepalive 9\n", "f", {1884})->listeners.at(0).port == 1884);
}

TEST_CASE("without per_listener_settings security options are global wherever they stand",
          "[conf]") {
  const auto settings =
      good("listener 1884\nlistener 1885\nallow_anonymous true\npassword_file /p\n");
  for (const auto& listener : settings.listeners) {
    CHECK(listener.security.allow_anonymous);
    CHECK(listener.security.password_file == "/p");
  }
}

TEST_CASE("per_listener_settings: each listener its own, the rest from before the first",
          "[conf]") {
  const auto settings = good(
      "per_listener_settings true\nacl_file /a\nauto_id_prefix x-\n"
      "listener 1884\nallow_anonymous true\nacl_file /b\n"
      "listener 1885\npassword_file /p\nallow_zero_length_clientid false\n");
  REQUIRE(settings.listeners.size() == 2);
  const auto& first = settings.listeners[0].security;
  const auto& second = settings.listeners[1].security;
  CHECK(first.allow_anonymous);
  CHECK(first.acl_file == "/b");
  CHECK(first.password_file.empty());
  CHECK(first.allow_zero_length_clientid);
  CHECK(first.auto_id_prefix == "x-");
  CHECK_FALSE(second.allow_anonymous);
  CHECK(second.acl_file == "/a");
  CHECK(second.password_file == "/p");
  CHECK_FALSE(second.allow_zero_length_clientid);
}

TEST_CASE("per_listener_settings: allow_anonymous true is never inherited", "[conf]") {
  const auto settings = good(
      "per_listener_settings true\nallow_anonymous true\nlistener 1884\nlistener 1885\n"
      "listener_allow_anonymous true\n");
  CHECK_FALSE(settings.listeners[0].security.allow_anonymous);
  CHECK(settings.listeners[1].security.allow_anonymous);
  const auto warnings = remarks_of(settings, Severity::warning);
  REQUIRE(warnings.size() == 1);
  CHECK(is_in("Listener 1884 asks for a username", warnings[0]));
  // A default listener that is named is the listener that the option stands under.
  const auto named = good("per_listener_settings true\nallow_anonymous true\nport 1884\n");
  CHECK(named.listeners[0].security.allow_anonymous);
}

TEST_CASE("listener_allow_anonymous and listener_auto_id_prefix win in any order", "[conf]") {
  const auto settings = good(
      "per_listener_settings true\nlistener 1884\nlistener_allow_anonymous true\n"
      "allow_anonymous false\nlistener_auto_id_prefix own-\nauto_id_prefix x-\n");
  CHECK(settings.listeners[0].security.allow_anonymous);
  CHECK(settings.listeners[0].security.auto_id_prefix == "own-");
}

TEST_CASE("port and bind_address name the default listener, with what stands before", "[conf]") {
  const auto settings = good(
      "max_connections 4\nlistener 9001\nprotocol websockets\nbind_address 127.0.0.1\nport 1884\n");
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[0].port == 9001);
  CHECK(settings.listeners[0].max_connections == -1);
  CHECK(settings.listeners[1].port == 1884);
  CHECK(settings.listeners[1].address == "127.0.0.1");
  CHECK(settings.listeners[1].max_connections == 4);
  CHECK(settings.listeners[1].protocol == conf::Protocol::mqtt);
}

TEST_CASE("listener options before the first listener open no stray port", "[conf]") {
  const auto settings =
      good("max_connections 4\nlistener 9001\nlistener 9002\nmax_connections 5\n");
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[0].max_connections == 4);
  CHECK(settings.listeners[1].max_connections == 5);
  CHECK(is_in("no default listener is opened", remarks_of(settings, Severity::notice).at(0)));
}

TEST_CASE("how state is kept on disk", "[conf]") {
  CHECK_FALSE(good("persistence false\npersistence_location /x\n").persistence);
  CHECK_FALSE(good("persistence true\n").persistence_relaxed);
  CHECK(good("persistence_durability relaxed\n").persistence_relaxed);
  CHECK(good("persistence_damaged refuse\n").persistence_refuse_damaged);
  CHECK(
      is_in("on disk already", remarks_of(good("autosave_interval 60\n"), Severity::notice).at(0)));
}

TEST_CASE("an option of websockets on a listener without them is warned about", "[conf]") {
  const auto settings = good("listener 1884\nwebsockets_origin https://a\n");
  CHECK(is_in("'websockets_origin' has no effect", remarks_of(settings, Severity::warning).at(0)));
}

TEST_CASE("a listener's slow_consumer_policy wins over the broker's", "[conf]") {
  using conf::SlowConsumer;
  CHECK(good("listener 1884\n").listeners.front().slow_consumer == SlowConsumer::drop_newest);
  const auto settings = good(
      "listener 1884\nlistener 1885\nlistener_slow_consumer_policy disconnect\n"
      "slow_consumer_policy latest_per_topic\n");
  REQUIRE(settings.listeners.size() == 2);
  CHECK(settings.listeners[0].slow_consumer == SlowConsumer::latest_per_topic);
  CHECK(settings.listeners[1].slow_consumer == SlowConsumer::disconnect);
  CHECK(good("slow_consumer_policy drop_oldest\n").listeners.front().slow_consumer ==
        SlowConsumer::drop_oldest);
}
