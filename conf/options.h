#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "conf/detect.h"
#include "conf/settings.h"
#include "conf/value.h"

namespace conf {

/// The form of an option's value.
enum class Type : std::uint8_t {
  flag,             ///< true, false, 1, 0
  integer,          ///< minimum to maximum; C notation in mosquitto.conf
  text,             ///< UTF-8 without control characters, to the end of the line, not empty
  choice,           ///< one of `choices`
  duration,         ///< a whole number and one of s h d w m y
  versions,         ///< MQTT protocol levels: 3, 4 and 5, separated by commas or blanks
  networks,         ///< addresses and networks, `unix` or `none`, separated by commas or blanks
  file_mode,        ///< access bits in octal: 660 or 0660
  log_destination,  ///< one of `choices`, or `file PATH`
  numbers,          ///< numbers_min to numbers_max of them, minimum to maximum, between blanks
  addresses,        ///< HOST:PORT, several between blanks
  topic_mapping,    ///< the topics of a bridge: see parse_bridge_topic()
  heading,          ///< begins a part of the file: listener, connection
  folder,           ///< include_dir: more files to read
};

/// The owner of an option.
enum class Scope : std::uint8_t {
  global,    ///< the whole broker
  security,  ///< a listener, or the default for every listener
  listener,  ///< a listener
  plugin,
  bridge,
};

/// The broker's treatment of an option today.
enum class Availability : std::uint8_t {
  works,
  ignored,       ///< accepted with a notice; `note` says why it has no effect
  lacking,       ///< accepted with a warning if it asks for anything; `note` names the lack
  not_built_in,  ///< an error: to accept it would promise a feature that is missing
  refused,       ///< an error for good; `note` gives the reason and the alternative
};

/// In which forms of the file an option may stand.
enum class Form : std::uint8_t { both, toml_only };

/// One row of the table of options: all that readers, errors, samples and manual pages know.
struct Option {
  using Apply = void (*)(Settings&, Listener&, const Value&);

  std::string_view name = {};     ///< ends in '*' where any ending will do
  std::string_view aliases = {};  ///< older spellings, separated by blanks
  Type type = Type::text;
  Scope scope = Scope::global;
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  std::uint8_t numbers_min = 0;  ///< of Type::numbers
  std::uint8_t numbers_max = 0;
  std::string_view choices = {};        ///< separated by blanks
  std::string_view later_choices = {};  ///< known, but not built in yet
  bool repeated = false;                ///< may stand several times, and the values add up
  bool last_counts = false;             ///< a text that may stand several times: the last one holds
  std::string_view default_text = {};   ///< as it would be written; empty: none
  /// The default of a mosquitto.conf, where Mosquitto's behaviour is another than default_text;
  /// empty: no difference. Not for repeated options.
  std::string_view mosquitto_default = {};
  std::string_view example = {};    ///< where the default is empty or shows nothing
  std::string_view zero_word = {};  ///< a word that stands for an integer 0
  std::string_view units = {};      ///< of an integer, in words; empty: a count
  bool reloadable = true;           ///< follows the file on SIGHUP
  Availability availability = Availability::works;
  Form form = Form::both;
  std::string_view note = {};  ///< why it has no effect, or is refused
  std::string_view help = {};  ///< one sentence
  Apply apply = nullptr;       ///< puts a checked value where it belongs; null: nowhere
};

/// Every option, in the order of the manual: global, listener, bridge.
[[nodiscard]] std::span<const Option> options();

/// The row of `name`, an alias included. Null if there is none.
[[nodiscard]] const Option* find_option(std::string_view name);

/// The known name that looks most like `name`. Empty if none is near.
[[nodiscard]] std::string_view nearest_option(std::string_view name);

/// A value that shows how the option is written: its example, or its default.
[[nodiscard]] std::string_view example_of(const Option& option);

/// The default in a file of that form. Empty if there is none.
[[nodiscard]] std::string_view default_in(FileForm form, const Option& option);

/// "0 to 65535", "mqtt or websockets", ... for messages and manuals. Empty for free text.
[[nodiscard]] std::string range_of(const Option& option);

}  // namespace conf
