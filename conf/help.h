#pragma once

#include <span>
#include <string>
#include <string_view>

#include "conf/command_line.h"

namespace conf {

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

inline constexpr std::string_view explain_usage_text = "darter explain [EVENT] [--json]";

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

/// The output of darter explain --help.
[[nodiscard]] std::string explain_help_text();

/// The purpose of darter explain, in sentences, and the meaning of its exit status.
inline constexpr std::string_view explain_text =
    "Says what an event of the log means and what to do about it. An event is the name that a line "
    "has under log_format json, such as login_failed; without EVENT all of them are listed. A word "
    "beside the name says whether the event refuses, drops, bans or disconnects. It asks no broker "
    "and reads no file.";
inline constexpr std::string_view explain_status_text =
    "0; 1 if there is no such event; 3 for an error in the arguments.";
[[nodiscard]] std::span<const Example> explain_examples();

/// The output of --version.
[[nodiscard]] std::string version_text(std::string_view version);

}  // namespace conf
