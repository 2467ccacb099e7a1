#include "conf/command_line.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "conf/help.h"
#include "test/conf/configuration.h"

using conf::Action;
using conf::CommandLine;
using conf::parse_command_line;
using Arguments = std::vector<std::string_view>;

TEST_CASE("arguments that are right", "[conf]") {
  CHECK(parse_command_line({}) == CommandLine{});
  const auto all = parse_command_line({"-v", "-c", "/x", "-p", "1884", "-q", "-d", "--port", "1"});
  REQUIRE(all);
  CHECK(all->verbose);
  CHECK(all->quiet);
  CHECK(all->daemon);
  CHECK(all->config_file == "/x");
  CHECK(all->ports == std::vector<std::uint16_t>{1884, 1});
  CHECK(parse_command_line({"--config-file=/a=b"})->config_file == "/a=b");
  CHECK(parse_command_line({"--test-config", "-c", "/x"})->action == Action::test_config);
  CHECK(parse_command_line({"--convert", "/x"})->action == Action::convert);
  CHECK(parse_command_line({"--convert", "/x"})->config_file == "/x");
  CHECK(parse_command_line({"-c", "/x", "-c", "/y"})->config_file == "/y");
  CHECK_FALSE(parse_command_line({"--convert", "/x", "-c", "/y"}));
  CHECK_FALSE(parse_command_line({"-c", "/x", "--convert", "/y"}));
  CHECK(parse_command_line({"--version"})->action == Action::version);
  CHECK(parse_command_line({"-h", "--nonsense"})->action == Action::help);
  const auto import = parse_command_line({"--import", "/m.db", "-c", "/x"});
  REQUIRE(import);
  CHECK(import->action == Action::import_file);
  CHECK(import->import_file == "/m.db");
  const auto backup = parse_command_line({"--backup", "/b", "-c", "/x"});
  REQUIRE(backup);
  CHECK(backup->action == Action::backup);
  CHECK(backup->backup_file == "/b");
  CHECK(parse_command_line({"--restore", "/b", "-c", "/x"})->action == Action::restore);
  CHECK(import->config_file == "/x");
  CHECK(parse_command_line({"--sample-config", "man"})->sample_form == "man");
}

TEST_CASE("arguments that are wrong", "[conf]") {
  const Arguments wrong = GENERATE(
      Arguments{"-x"}, Arguments{"file"}, Arguments{""}, Arguments{"-c"}, Arguments{"-c", ""},
      Arguments{"-p"}, Arguments{"-p", "0"}, Arguments{"-p", "65536"}, Arguments{"-p", "1x"},
      Arguments{"-p", "-1"}, Arguments{"-p", ""}, Arguments{"-c", "a", "--convert", "b"},
      Arguments{"--tls-keylog"}, Arguments{"--test-config"}, Arguments{"--daemon=1"},
      Arguments{"--sample-config", "x"}, Arguments{"-vq"}, Arguments{"--import", "f"},
      Arguments{"--backup", "f"}, Arguments{"--restore", "f"},
      Arguments{"--backup", "f", "--restore", "g", "-c", "x"}, Arguments{"--import", "", "-c", "x"},
      Arguments{"--import", "f", "--import", "g", "-c", "x"},
      Arguments{"-p", "1",  "-p", "2",  "-p", "3",  "-p", "4",  "-p", "5",  "-p",
                "6",  "-p", "7",  "-p", "8",  "-p", "9",  "-p", "10", "-p", "11"});
  const auto result = parse_command_line(wrong);
  REQUIRE_FALSE(result);
  CHECK(result.error().size() == 1);
}

TEST_CASE("every wrong argument is reported", "[conf]") {
  const auto result = parse_command_line({"-x", "-p", "0", "--tls-keylog"});
  REQUIRE_FALSE(result);
  CHECK(result.error().size() == 3);
  CHECK(conf::format(result.error()[2]) ==
        "Error: '--tls-keylog' needs a value: --tls-keylog FILE");
}

TEST_CASE("-v and -q win over the file, and -q over -v", "[conf]") {
  const conf_test::Folder folder;
  CommandLine line;
  line.config_file = folder.write("m.conf", "log_type error\nlog_dest stdout\n");
  CHECK(conf::load(line)->log.types == static_cast<unsigned>(broker::LogType::error));
  line.verbose = true;
  CHECK((conf::load(line)->log.types & static_cast<unsigned>(broker::LogType::debug)) != 0);
  CHECK(conf::load(line)->log.destinations.size() == 1);
  line.quiet = true;
  line.daemon = true;
  CHECK(conf::load(line)->log.types == 0);
  CHECK(conf::load(line)->log.destinations.empty());
  CHECK(conf::load(line)->daemon);
  line.config_file = "/nonexistent/file";
  CHECK_FALSE(conf::load(line));
}

TEST_CASE("help begins as Mosquitto's does", "[conf]") {
  const std::string help = conf::help_text("1.2.3");
  CHECK(help.starts_with("darter version 1.2.3\n\nUsage: darter "));
  for (const auto* name :
       {"-c, --config-file FILE", "--test-config", "--convert FILE", "--import FILE"}) {
    CHECK(conf_test::is_in(name, help));
  }
}

TEST_CASE("adopt is a command of its own", "[conf]") {
  const auto parse = [](const std::vector<std::string_view>& arguments) {
    return conf::parse_command_line(arguments);
  };
  const auto look = parse({"adopt"});
  REQUIRE(look);
  CHECK(look->action == conf::Action::adopt);
  CHECK(look->adopt == conf::AdoptArguments());
  const auto all = parse({"adopt", "-c", "a.conf", "--keep", "--apply", "--root", "/tmp/x"});
  REQUIRE(all);
  CHECK(all->config_file == "a.conf");
  CHECK((all->adopt.apply && all->adopt.keep && !all->adopt.undo));
  CHECK(all->adopt.root == "/tmp/x");
  CHECK(parse({"adopt", "--undo"})->adopt.undo);
  CHECK(parse({"adopt", "--help"})->action == conf::Action::adopt_help);
  CHECK_FALSE(parse({"adopt", "--apply", "--undo"}));
  CHECK_FALSE(parse({"adopt", "-v"}));
  CHECK_FALSE(parse({"--apply"}));
  CHECK_FALSE(parse({"-c", "a.conf", "--root", "/"}));
  CHECK_FALSE(parse({"doctor", "-c", "a.conf", "--keep"}));
  const std::string help = conf::adopt_help_text();
  for (const std::string_view part : {"--apply", "--undo", "--keep", "--root DIR", "Exit status"}) {
    CHECK(help.find(part) != help.npos);
  }
}

TEST_CASE("doctor is a command of its own", "[conf]") {
  const auto parse = [](const std::vector<std::string_view>& arguments) {
    return conf::parse_command_line(arguments);
  };
  const auto good = parse({"doctor", "-c", "a.conf", "--nginx", "n.conf"});
  REQUIRE(good);
  CHECK(good->action == conf::Action::doctor);
  CHECK(good->config_file == "a.conf");
  CHECK(good->nginx_file == "n.conf");
  CHECK(parse({"doctor", "--help"})->action == conf::Action::doctor_help);
  CHECK(parse({"--help", "doctor"})->action == conf::Action::help);
  CHECK_FALSE(parse({"doctor"}));
  CHECK_FALSE(parse({"doctor", "-c", "a.conf", "-v"}));
  CHECK_FALSE(parse({"doctor", "-c", "a.conf", "--test-config"}));
  CHECK_FALSE(parse({"-c", "a.conf", "doctor"}));
  CHECK_FALSE(parse({"-c", "a.conf", "--nginx", "n.conf"}));
  const std::string help = conf::doctor_help_text();
  for (const char* part : {"Usage: darter doctor -c FILE", "--nginx FILE", "Examples:", "Exit"}) {
    CHECK(help.find(part) != help.npos);
  }
}
