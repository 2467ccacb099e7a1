#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/configuration.h"
#include "conf/settings.h"

namespace conf {

/// Exit codes that scripts know from Mosquitto.
enum class ExitCode : int {
  success = 0,
  unusable_listener = 1,  ///< or its certificates
  bad_configuration = 3,  ///< arguments or configuration, with --test-config too
};

/// The task of one call of darter.
enum class Action : std::uint8_t {
  run,
  help,
  version,
  test_config,    ///< check the file and exit
  convert,        ///< print the file as darter.toml and exit
  sample_config,  ///< print an annotated sample and exit
  import_file,    ///< bring a file of Mosquitto into the store and exit
  backup,         ///< copy the store into a file and exit
  restore,        ///< put such a copy in the place of the store and exit
  doctor,         ///< look for causes of later failures and exit
  doctor_help,
  adopt,  ///< take a machine over from Mosquitto, or give it back, and exit
  adopt_help,
  reload,  ///< ask the running broker of the file to read it again
};

/// The way in which darter adopt is asked to act.
struct AdoptArguments {
  bool apply = false;  ///< --apply; without it and --undo nothing is changed
  bool undo = false;   ///< --undo
  bool keep = false;   ///< --keep: serve mosquitto.conf as it is
  std::string root;    ///< --root: the folder that stands for "/"; empty: this machine

  bool operator==(const AdoptArguments&) const = default;
};

/// The arguments of darter, checked.
struct CommandLine {
  Action action = Action::run;
  std::string config_file;           ///< -c, or the file to convert; empty: none
  std::vector<std::uint16_t> ports;  ///< -p, up to 10
  bool verbose = false;              ///< -v: every kind of log line
  bool quiet = false;                ///< -q: no log at all; wins over -v
  bool daemon = false;               ///< -d
  std::string import_file;           ///< --import
  std::string backup_file;           ///< --backup or --restore
  std::string tls_keylog_file;       ///< --tls-keylog; empty: none
  std::string nginx_file;            ///< --nginx, of doctor; empty: where nginx has it
  std::string sample_form;           ///< "toml", "mosquitto", "man" or "man8"
  AdoptArguments adopt;

  bool operator==(const CommandLine&) const = default;
};

/// Reads the arguments, without the program's name in front.
///
/// Shape     A first argument "doctor" or "adopt" is a command of its own, with few arguments.
/// Returns   The first of help and version that is asked for wins over everything behind it.
/// Errors    Every wrong argument, each in one sentence.
[[nodiscard]] std::expected<CommandLine, Diagnostics> parse_command_line(
    const std::vector<std::string_view>& arguments);

/// A configuration as the command line asks for: of its file, or without one, and with -v, -q and
/// -d.
///
/// Errors    As load(path); a missing file is one.
[[nodiscard]] std::expected<Configuration, Diagnostics> load_configuration(
    const CommandLine& command_line);

/// The settings alone.
[[nodiscard]] std::expected<Settings, Diagnostics> load(const CommandLine& command_line);

/// The description of one argument in help and manual page.
struct ArgumentText {
  std::string_view short_name;  ///< "-c", or empty
  std::string_view long_name;   ///< "--config-file"
  std::string_view value_name;  ///< "FILE"; empty: takes none
  std::string_view help;        ///< sentences
};

/// Every argument, in the order of the help.
[[nodiscard]] std::vector<ArgumentText> argument_texts();

}  // namespace conf
