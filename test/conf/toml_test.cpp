#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "conf/convert.h"
#include "conf/detect.h"
#include "conf/toml_reader.h"
#include "test/conf/configuration.h"

using conf::FileForm;
using conf_test::errors_of;
using conf_test::good;
using conf_test::is_in;
using Texts = std::vector<std::string>;

TEST_CASE("the form of a file is told by its content", "[conf]") {
  const auto [text, form] = GENERATE(table<std::string, FileForm>({
      {"", FileForm::mosquitto},
      {"# comment = x\n", FileForm::mosquitto},
      {"listener 1883\n", FileForm::mosquitto},
      {"password_file /a=b\n", FileForm::mosquitto},
      {"# c\r\n\r\nlistener 1883\r\n", FileForm::mosquitto},
      {"[[listener]]\nport = 1\n", FileForm::toml},
      {"max_keepalive = 600\n", FileForm::toml},
      {"max_keepalive=600\n", FileForm::toml},
      {"# c\n\n  \"ciphers_tls1.3\" = 'x'\n", FileForm::toml},
      {"\xEF\xBB\xBF"
       "threads = 1\n",
       FileForm::toml},
  }));
  CAPTURE(text);
  CHECK(conf::detect_form(text, "test.conf") == form);
}

TEST_CASE("the name of a file without any option tells its form", "[conf]") {
  CHECK(conf::detect_form("# nothing\n", "a.toml") == FileForm::toml);
  CHECK(conf::detect_form("listener 1883\n", "a.toml") == FileForm::mosquitto);
  CHECK(conf::detect_form("threads = 1\n", "mosquitto.conf") == FileForm::toml);
}

TEST_CASE("a default that differs is Mosquitto's in a mosquitto.conf, and is written out",
          "[conf]") {
  const conf::Source mosquitto = conf::read_source("", "mosquitto.conf");
  CHECK(conf::read_source("", "darter.toml").form_defaults.empty());
  const std::string converted = conf::to_toml(mosquitto);
  for (const conf::Option& option : conf::options()) {
    if (option.mosquitto_default.empty()) continue;
    CAPTURE(option.name);
    CHECK_FALSE(option.repeated);
    CHECK(option.mosquitto_default != option.default_text);
    const auto value = conf::parse_value(option, option.mosquitto_default);
    REQUIRE(value);
    CHECK(is_in(conf::toml_key(option.name) + " = " + conf::toml_value(option, *value), converted));
    const std::string own = std::string(option.name) + " " + std::string(option.default_text);
    const std::string kept = conf::to_toml(conf::read_source(own + "\n", "mosquitto.conf"));
    const auto native = conf::parse_value(option, option.default_text);
    REQUIRE(native);
    CHECK(is_in(conf::toml_key(option.name) + " = " + conf::toml_value(option, *native), kept));
  }
}

TEST_CASE("darter.toml: broker, listeners and arrays", "[conf]") {
  const auto settings = good(
      "max_keepalive = 600\nallow_anonymous = true\nlog_type = [\"error\", \"warning\"]\n"
      "log_dest = [\"stdout\", \"file /var/log/my log\"]\npersistent_client_expiration = \"2w\"\n"
      "[[listener]]\nport = 1884\nbind_address = \"127.0.0.1\"\nallow_anonymous = false\n"
      "[[listener]]\nunix_socket_path = \"/run/x\"\nprotocol = \"websockets\"\n"
      "websockets_origin = [\"https://a\", \"https://b\"]\naccept_protocol_versions = [4, 5]\n");
  CHECK(settings.max_keepalive_seconds == 600);
  CHECK(settings.log.destinations.size() == 2);
  REQUIRE(settings.listeners.size() == 2);
  CHECK_FALSE(settings.listeners[0].security.allow_anonymous);
  CHECK(settings.listeners[0].address == "127.0.0.1");
  CHECK(settings.listeners[1].security.allow_anonymous);
  CHECK(settings.listeners[1].port == 0);
  CHECK(settings.listeners[1].websockets_origins == Texts{"https://a", "https://b"});
  CHECK_FALSE(settings.listeners[1].accept_protocol_versions.v3);
}

TEST_CASE("darter.toml: all errors at once, with their lines", "[conf]") {
  CHECK(errors_of("max_keepalives = 1\n"
                  "max_qos = 3\n"
                  "allow_anonymous = \"yes\"\n"
                  "include_dir = 1\n"
                  "max_keepalive = 1.5\n"
                  "[[listener]]\n"
                  "max_keepalive = 5\n"
                  "plugin_use = \"/x\"\n"
                  "protocol = \"mqttsn\"\n"
                  "[[connection]]\n"
                  "name = \"a\"\naddress = \"a\"\n") ==
        Texts{"1: Unknown option 'max_keepalives'; did you mean 'max_keepalive'?",
              "2: 'max_qos' cannot be '3'; it is a number, 0 to 2",
              "3: 'allow_anonymous' must be true or false", "4: 'include_dir' must be a string",
              "5: 'max_keepalive' must be a number, 0 to 65535",
              "6: A [[listener]] needs a 'port' or 'unix_socket_path'",
              "7: 'max_keepalive' is for the whole broker: it stands above all [[listener]]",
              "8: not built in yet: plugin_use",
              "9: 'protocol' cannot be 'mqttsn'; it is mqtt, websockets or http_api",
              "10: Bridge 'a' has no 'topic'"});
}

TEST_CASE("darter.toml: an error of syntax has its line", "[conf]") {
  const auto errors = errors_of("threads = 1\nmax_keepalive = = 2\n");
  REQUIRE(errors.size() == 1);
  CHECK(is_in("2: ", errors[0]));
}

TEST_CASE("darter.toml: a table without a name is an error", "[conf]") {
  const auto table =
      GENERATE(as<std::string>(), "[\n", "[", "[[", "[[[a]]]\n", "[ ?]\n", "[[ \r\n", "[]\n");
  CAPTURE(table);
  const auto errors = errors_of("threads = 1\n" + table);
  REQUIRE(errors.size() == 1);
  CHECK(is_in("2: ", errors[0]));
}

TEST_CASE("what is converted means the same", "[conf]") {
  const auto text = GENERATE(
      as<std::string>(), "",
      "per_listener_settings true\nallow_anonymous false\npassword_file /etc/mosquitto/passwd\n"
      "persistence true\nlistener 1883 127.0.0.1\nlistener 9001 127.0.0.1\nprotocol websockets\n"
      "max_keepalive 600\nlog_type error\nlog_type warning\nlog_timestamp true\n",
      "listener 1884\nlistener 1885\nallow_anonymous true\nacl_file /a \"b\\c\" d\n",
      "port 1884\nmax_connections 5\nlistener 0 /run/x\nmount_point a/\n",
      "max_connections 5\nlistener 1\nlistener 2\nwebsockets_origin https://a\n"
      "websockets_origin https://b\n",
      "log_dest stdout\nlog_dest none\nlog_dest file /a b\nlog_type none\n"
      "persistent_client_expiration 36h\naccept_protocol_versions 3 5\nmax_keepalive 0x10\n"
      "max_keepalive 11\nmax_keepalive_cap 1\nthreads 2\n",
      "threads auto\n",
      "per_listener_settings true\nallow_anonymous true\nlistener 1\nlistener 2\n"
      "listener_allow_anonymous true\nallow_anonymous false\n");
  auto before = good(text);
  const std::string toml = conf::to_toml(conf::read_source(text, "test.conf"));
  CAPTURE(toml);
  if (!toml.empty()) CHECK(conf::detect_form(toml, "test.conf") == FileForm::toml);
  auto after = good(toml);
  CHECK(before.listeners == after.listeners);
  CHECK(before.log == after.log);
  CHECK(before.remarks.size() == after.remarks.size());
  CHECK(before.max_keepalive_seconds == after.max_keepalive_seconds);
  CHECK(before.max_keepalive_cap == after.max_keepalive_cap);
  CHECK(before.persistent_client_expiration_seconds == after.persistent_client_expiration_seconds);
  CHECK(before.threads == after.threads);
  CHECK(before.persistence == after.persistence);
}

TEST_CASE("a duration of months is converted to days", "[conf]") {
  const auto source = conf::read_source("persistent_client_expiration 2m\n", "test.conf");
  CHECK(is_in("persistent_client_expiration = \"60d\"", conf::to_toml(source)));
}

TEST_CASE("threads may be auto, in words or as 0", "[conf]") {
  const std::string text = GENERATE("threads auto\n", "threads = \"auto\"\n", "threads = 0\n");
  CHECK(good(text).threads == 0);
}

TEST_CASE("a file is converted with its includes, and says where options stood", "[conf]") {
  const conf_test::Folder folder;
  const auto inner = folder.write("d/x.conf", "\nmax_keepalive 9\n");
  const auto main =
      folder.write("m.conf", "listener 1884\ninclude_dir " + folder.path() + "/d\nmax_qos 1\n");
  const auto toml = conf::convert(main);
  REQUIRE(toml);
  CHECK(toml->starts_with("max_keepalive = 9  # " + inner + ":2\n"));
  CHECK(toml->ends_with("\n\n[[listener]]  # " + main + ":1\nport = 1884  # " + main +
                        ":1\nmax_qos = 1  # " + main + ":3\n"));
  CHECK_FALSE(conf::convert(folder.write("bad.conf", "nonsense 1\n")));
  CHECK_FALSE(conf::convert(folder.path() + "/none"));
}

TEST_CASE("a file that was converted is not changed by converting it again", "[conf]") {
  const conf_test::Folder folder;
  const auto toml = conf::convert(folder.write("m.conf", "max_keepalive 9\nlistener 1884\n"));
  REQUIRE(toml);
  CHECK(conf::convert(folder.write("converted.toml", *toml)) == toml);
  const std::string by_hand = "# mine\nmax_keepalive=9\n";
  CHECK(conf::convert(folder.write("by_hand.toml", by_hand)) == by_hand);
  const auto included = conf::convert(
      folder.write("main.toml", "include_dir = \"" + folder.path() + "/d\"\nmax_qos = 1\n"));
  CHECK_FALSE(included);  // there is no such folder
  CHECK(folder.write("d/x.conf", "max_keepalive 9\n") != "");
  const auto flat = conf::convert(folder.path() + "/main.toml");
  REQUIRE(flat);
  CHECK(conf::convert(folder.write("flat.toml", *flat)) == flat);
}

TEST_CASE("what is wrong with the syntax is said in one line, whatever it quotes", "[conf]") {
  const auto errors = errors_of("a = tru\n");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].find('\n') == std::string::npos);
}
