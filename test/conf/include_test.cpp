#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "test/conf/configuration.h"

using conf_test::Folder;
using conf_test::is_in;
using Texts = std::vector<std::string>;

namespace {

/// "NAME:LINE: TEXT" for each error of a file and those that it includes.
Texts errors_of_file(const std::string& path) {
  Texts errors;
  const auto settings = conf::load(path);
  if (settings) return errors;
  for (const auto& each : settings.error()) {
    const std::string name = std::filesystem::path(each.file).filename().string();
    errors.push_back(name + ":" + std::to_string(each.line) + ": " + each.text);
  }
  return errors;
}

}  // namespace

TEST_CASE("include_dir reads *.conf in Mosquitto's order, where it stands", "[conf]") {
  const Folder folder;
  (void)folder.write("d/b.conf", "max_keepalive 2\n");
  (void)folder.write("d/B.conf", "max_keepalive 1\nmax_queued_messages 5\n");
  (void)folder.write("d/a.conf", "listener 1885\nmax_connections 3\n");
  (void)folder.write("d/c.txt", "no option at all\n");
  (void)folder.write("d/.conf", "no option at all\n");
  const auto settings = conf::load(folder.write(
      "main.conf", "listener 1884\ninclude_dir " + folder.path() + "/d\nmax_connections 9\n"));
  REQUIRE(settings);
  CHECK(settings->max_keepalive_seconds == 2);
  CHECK(settings->max_queued_messages == 5);
  REQUIRE(settings->listeners.size() == 2);
  CHECK(settings->listeners[0].max_connections == 9);
  CHECK(settings->listeners[1].max_connections == 3);
}

TEST_CASE("errors in included files name those files", "[conf]") {
  const Folder folder;
  const auto inner = folder.write("d/x.conf", "\nfoo_bar_baz 1\ninclude_dir /tmp\n");
  const auto settings = conf::load(
      folder.write("main.conf", "bad_bad_option\ninclude_dir " + folder.path() + "/d\n"));
  REQUIRE_FALSE(settings);
  REQUIRE(settings.error().size() == 3);
  CHECK(settings.error()[1].file == inner);
  CHECK(settings.error()[1].line == 2);
  CHECK(is_in("may only stand in the main file", settings.error()[2].text));
}

TEST_CASE("darter.toml includes *.toml and *.conf in the same order, in either form", "[conf]") {
  const Folder folder;
  (void)folder.write("d/b.conf", "max_keepalive 2\n");
  (void)folder.write("d/B.toml", "max_keepalive = 1\nmax_queued_messages = 5\n");
  (void)folder.write("d/C.toml", "# mosquitto's form\nlistener 1886\nmax_connections 4\n");
  (void)folder.write("d/a.toml", "[[listener]]\nport = 1885\nmax_connections = 3\n");
  (void)folder.write("d/d.txt", "no option at all\n");
  (void)folder.write("d/.toml", "no option at all\n");
  (void)folder.write("d/empty.toml", "");
  const auto settings = conf::load(
      folder.write("main.toml", "include_dir = \"" + folder.path() +
                                    "/d\"\n[[listener]]\nport = 1884\nmax_connections = 9\n"));
  REQUIRE(settings);
  CHECK(settings->max_keepalive_seconds == 2);
  CHECK(settings->max_queued_messages == 5);
  REQUIRE(settings->listeners.size() == 3);
  CHECK(settings->listeners[0].port == 1885);
  CHECK(settings->listeners[0].max_connections == 3);
  CHECK(settings->listeners[1].port == 1886);
  CHECK(settings->listeners[1].max_connections == 4);
  CHECK(settings->listeners[2].max_connections == 9);
}

TEST_CASE("of an option before and behind include_dir the last value counts", "[conf]") {
  const Folder folder;
  (void)folder.write("d/x.toml", "max_keepalive = 2\nmax_inflight_messages = 2\n");
  const std::string include = "include_dir = \"" + folder.path() + "/d\"\n";
  const auto settings = conf::load(
      folder.write("main.toml", "max_keepalive = 1\n" + include + "max_inflight_messages = 3\n"));
  REQUIRE(settings);
  CHECK(settings->max_keepalive_seconds == 2);
  CHECK(settings->max_inflight_messages == 3);
}

TEST_CASE("darter.toml may include several folders", "[conf]") {
  const Folder folder;
  (void)folder.write("d/x.toml", "max_keepalive = 2\n");
  (void)folder.write("e/a.toml", "max_keepalive = 3\n");
  const auto settings = conf::load(folder.write(
      "main.toml", "include_dir = [\"" + folder.path() + "/d\", \"" + folder.path() + "/e\"]\n"));
  REQUIRE(settings);
  CHECK(settings->max_keepalive_seconds == 3);
}

TEST_CASE("errors in what darter.toml includes name file and line, all at once", "[conf]") {
  const Folder folder;
  (void)folder.write("d/a.toml", "\nfoo_bar_baz = 1\ninclude_dir = \"/tmp\"\n");
  (void)folder.write("d/b.conf", "\n\nmax_qos 3\n");
  (void)folder.write("d/c.toml", "threads = 1\nmax_qos = = 1\n");
  (void)folder.write("d/d.toml", "pid_file = \"/b\"\n");
  (void)folder.write("d/e.conf", "max_qos = 1\ninclude_dir = [\"/tmp\"]\n");
  const auto main =
      folder.write("main.toml", "pid_file = \"/a\"\ninclude_dir = [\"" + folder.path() +
                                    "/d\",\n  \"/nonexistent\", [\"/tmp\"]]\nbad_bad_option = 1\n");
  const Texts errors = errors_of_file(main);
  REQUIRE(errors.size() == 9);
  CHECK(errors[0] == "a.toml:2: Unknown option 'foo_bar_baz'");
  CHECK(errors[1] == "a.toml:3: 'include_dir' may only stand in the main file");
  CHECK(is_in("b.conf:3: 'max_qos' cannot be '3'", errors[2]));
  CHECK(is_in("c.toml:2: ", errors[3]));
  CHECK(errors[4] == "d.toml:1: 'pid_file' was already given in line 1 of " + main);
  CHECK(errors[5] == "e.conf:2: 'include_dir' may only stand in the main file");
  CHECK(is_in("main.toml:3: Unable to open include_dir '/nonexistent': No such", errors[6]));
  CHECK(errors[7] == "main.toml:3: 'include_dir' must be a string");
  CHECK(is_in("main.toml:4: Unknown option 'bad_bad_option'", errors[8]));
}

TEST_CASE("include_dir is no option of a listener", "[conf]") {
  CHECK(is_in("is for the whole broker",
              conf_test::errors_of("[[listener]]\nport = 1\ninclude_dir = \"/tmp\"\n").at(0)));
}

TEST_CASE("mosquitto.conf includes *.conf only, but of either form", "[conf]") {
  const Folder folder;
  (void)folder.write("d/a.conf", "max_keepalive = 2\n[[listener]]\nport = 1885\n");
  (void)folder.write("d/b.toml", "no option at all\n");
  const auto settings =
      conf::load(folder.write("main.conf", "include_dir " + folder.path() + "/d\nlistener 1884\n"));
  REQUIRE(settings);
  CHECK(settings->max_keepalive_seconds == 2);
  REQUIRE(settings->listeners.size() == 2);
  CHECK(settings->listeners[0].port == 1885);
}

TEST_CASE("per_listener_settings holds across files, whoever says it", "[conf]") {
  const Folder folder;
  (void)folder.write("d/a.conf", "listener 1885\nallow_anonymous true\nlistener 1886\n");
  const auto settings = conf::load(folder.write(
      "main.toml", "per_listener_settings = true\ninclude_dir = \"" + folder.path() + "/d\"\n"));
  REQUIRE(settings);
  REQUIRE(settings->listeners.size() == 2);
  CHECK(settings->listeners[0].security.allow_anonymous);
  CHECK_FALSE(settings->listeners[1].security.allow_anonymous);

  (void)folder.write("e/a.conf", "[[listener]]\nport = 1885\nallow_anonymous = true\n");
  (void)folder.write("e/b.conf", "per_listener_settings true\n");
  const Texts errors =
      errors_of_file(folder.write("late.conf", "include_dir " + folder.path() + "/e\n"));
  REQUIRE(errors.size() == 1);
  CHECK(is_in("b.conf:1: 'per_listener_settings' must stand before", errors[0]));
}

TEST_CASE("darter.toml is converted with what it includes", "[conf]") {
  const Folder folder;
  const auto inner = folder.write("d/x.conf", "max_keepalive 9\n");
  const auto main =
      folder.write("main.toml", "include_dir = \"" + folder.path() + "/d\"\nthreads = 2\n");
  CHECK(conf::convert(main) ==
        "max_keepalive = 9  # " + inner + ":1\nthreads = 2  # " + main + ":2\n");
}
