#pragma once

#include <cstdint>
#include <expected>
#include <span>
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

/// A command line, and its purpose.
struct Example {
  std::string_view command;
  std::string_view meaning;
};

[[nodiscard]] std::span<const Example> examples();

inline constexpr std::string_view usage_text = "darter [-c FILE] [-p PORT] [-v] [-q] [-d]";
inline constexpr std::string_view doctor_usage_text = "darter doctor -c FILE [--nginx FILE]";
inline constexpr std::string_view adopt_usage_text =
    "darter adopt [-c FILE] [--keep] [--apply | --undo] [--root DIR]";

inline constexpr std::string_view exit_status_text =
    "0 after SIGTERM or SIGINT, 3 for an error in arguments or configuration, 1 if a listener, its "
    "certificates or the store cannot be opened, a file cannot be imported, backed up or restored, "
    "or no broker can be asked to reload.";

/// "  -c, --config-file FILE   Read this ...", folded at 100 columns.
[[nodiscard]] std::string help_line(const ArgumentText& argument);
/// "Examples:", and a line for each.
[[nodiscard]] std::string examples_text(std::span<const Example> rows);

/// The output of -h: "darter version X", an empty line, "Usage: darter ..." and the arguments.
[[nodiscard]] std::string help_text(std::string_view version);

/// The output of darter doctor --help.
[[nodiscard]] std::string doctor_help_text();

/// The purpose of darter doctor, in sentences, and the meaning of its exit status.
inline constexpr std::string_view doctor_text =
    "Looks at what breaks in practice and says what to do about it: limits of open files and "
    "connections, files that the broker's user cannot read or that others can, certificates that "
    "end, listeners that are open to the world without TLS or without a password, and what nginx "
    "in front of the broker has to be told: timeouts, headers, paths, limits. It reads darter.toml "
    "or mosquitto.conf, and nginx.conf with all that it includes. It only reads: it opens no port, "
    "writes nothing and changes nothing. As root it sees everything; as another user it says what "
    "it could not look at.";
inline constexpr std::string_view doctor_status_text =
    "0 if nothing is wrong, 1 for warnings, 2 for errors, 3 if the arguments or a configuration "
    "cannot be read: the same that monitoring plugins have for OK, WARNING, CRITICAL and UNKNOWN.";
[[nodiscard]] std::span<const Example> doctor_examples();

/// The output of darter adopt --help.
[[nodiscard]] std::string adopt_help_text();

/// The purpose of darter adopt, in sentences, and the meaning of its exit status.
inline constexpr std::string_view adopt_text =
    "Moves this machine from Mosquitto to darter. It reads /etc/mosquitto/mosquitto.conf, or the "
    "file of -c, says what would change and what it could not keep, and changes nothing before "
    "--apply asks for it. Then it stops Mosquitto, writes /etc/darter/darter.toml, puts what "
    "mosquitto.db holds where darter's first start imports it, lets darter's user read the files "
    "that the configuration names, and starts darter. With --keep darter serves mosquitto.conf "
    "itself, as Mosquitto's user and with its folders. --undo puts all of it back and starts "
    "Mosquitto; what clients did in between stays in darter's store.";
inline constexpr std::string_view adopt_status_text =
    "0 if it is done, or could be; 1 if a step failed, and all steps before it were taken back; 3 "
    "if the arguments or the configuration cannot be used.";
[[nodiscard]] std::span<const Example> adopt_examples();

/// The output of --version.
[[nodiscard]] std::string version_text(std::string_view version);

}  // namespace conf
