#include "conf/command_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "conf/ask_line.h"
#include "conf/load.h"
#include "conf/nearest.h"
#include "conf/resolve.h"

namespace conf {
namespace {

constexpr std::size_t ports_max = 10;

class Parser;

/// One argument: the table that reading, help and manual page come from.
struct Argument : ArgumentText {
  void (*apply)(Parser&, std::string_view value);
};

class Parser {
 public:
  explicit Parser(const std::vector<std::string_view>& arguments) : arguments_(arguments) {}

  std::expected<CommandLine, Diagnostics> parse() &&;
  void error(std::string text);
  void add_port(std::string_view text);
  void set_file(std::string_view path);
  void import(std::string_view path);
  void back_up(Action action, std::string_view path);
  void set_nginx(std::string_view path);
  void help();

  CommandLine result;

 private:
  void argument(std::string_view text);
  void check_doctor();
  void check_adopt();
  void unknown(std::string_view text);
  std::optional<std::string_view> value_of(const Argument& argument, std::string_view text);
  [[nodiscard]] bool is_settled() const {
    return result.action == Action::help || result.action == Action::doctor_help ||
           result.action == Action::adopt_help || result.action == Action::version;
  }

  const std::vector<std::string_view>& arguments_;
  std::size_t next_ = 0;
  Diagnostics errors_;
};

void sample(Parser& parser, std::string_view form) {
  if (form != "toml" && form != "mosquitto" && form != "man" && form != "man8") {
    return parser.error("'--sample-config' takes toml, mosquitto, man or man8, not '" +
                        std::string(form) + "'");
  }
  parser.result.action = Action::sample_config;
  parser.result.sample_form = form;
}

constexpr auto arguments = std::to_array<Argument>({
    {{"-c", "--config-file", "FILE",
      "Read this configuration: darter.toml or mosquitto.conf. Of several the last counts."},
     [](Parser& parser, std::string_view path) { parser.set_file(path); }},
    {{"-d", "--daemon", "", "Go to the background after start."},
     [](Parser& parser, std::string_view) { parser.result.daemon = true; }},
    {{"-h", "--help", "", "Print these arguments and exit."},
     [](Parser& parser, std::string_view) { parser.help(); }},
    {{"-p", "--port", "PORT",
      "Listen on this port of 127.0.0.1 and ::1; up to 10 times. Without effect if the file names "
      "a listener or port."},
     [](Parser& parser, std::string_view port) { parser.add_port(port); }},
    {{"-q", "--quiet", "", "Log nothing. Wins over -v and the file."},
     [](Parser& parser, std::string_view) { parser.result.quiet = true; }},
    {{"-v", "--verbose", "", "Log every kind of line. Wins over the file."},
     [](Parser& parser, std::string_view) { parser.result.verbose = true; }},
    {{"", "--test-config", "",
      "Check the configuration, and the files and folders that it names, and exit: 0 if it is "
      "good, 3 if not."},
     [](Parser& parser, std::string_view) { parser.result.action = Action::test_config; }},
    {{"", "--reload", "",
      "Ask the running broker of this configuration to read it again, print what changed, and "
      "exit: "
      "0 if it did, 3 with every error if nothing was changed, 1 if no broker answers."},
     [](Parser& parser, std::string_view) { parser.result.action = Action::reload; }},
    {{"", "--convert", "FILE", "Print a mosquitto.conf as darter.toml and exit."},
     [](Parser& parser, std::string_view path) {
       parser.result.action = Action::convert;
       parser.set_file(path);
     }},
    {{"", "--import", "FILE",
      "Bring a persistence file of Mosquitto (mosquitto.db) into the store that -c names, and "
      "exit. "
      "What the store has stays. One that stands at persistence_location is imported at the first "
      "start without being asked."},
     [](Parser& parser, std::string_view path) { parser.import(path); }},
    {{"", "--backup", "FILE",
      "Copy the store that -c names into one file, and exit. The broker may run: the copy is what "
      "was stored at one moment, and nobody waits for it. FILE is replaced if it is there."},
     [](Parser& parser, std::string_view path) { parser.back_up(Action::backup, path); }},
    {{"", "--restore", "FILE",
      "Put a copy that --backup or sqlite3 made in the place of the store that -c names, and exit. "
      "The broker must be stopped. What was there is kept under another name, which is printed."},
     [](Parser& parser, std::string_view path) { parser.back_up(Action::restore, path); }},
    {{"", "--nginx", "FILE",
      "Of darter doctor: the configuration of nginx; without it /etc/nginx/nginx.conf is taken if "
      "there is one."},
     [](Parser& parser, std::string_view path) { parser.set_nginx(path); }},
    {{"", "--apply", "", "Of darter adopt: make the changes."},
     [](Parser& parser, std::string_view) { parser.result.adopt.apply = true; }},
    {{"", "--undo", "", "Of darter adopt: take the changes back."},
     [](Parser& parser, std::string_view) { parser.result.adopt.undo = true; }},
    {{"", "--keep", "", "Of darter adopt: serve mosquitto.conf as it is."},
     [](Parser& parser, std::string_view) { parser.result.adopt.keep = true; }},
    {{"", "--root", "DIR",
      "Of darter adopt: change files below this folder only, and start and stop nothing."},
     [](Parser& parser, std::string_view path) { parser.result.adopt.root = path; }},
    {{"", "--sample-config", "FORM",
      "Print every option with its default and exit; FORM is toml or mosquitto. Or print a manual "
      "page: man is darter.conf(5), man8 is darter(8)."},
     sample},
    {{"", "--tls-keylog", "FILE",
      "Append TLS secrets to this file, so that Wireshark can read what was said. For debugging "
      "only."},
     [](Parser& parser, std::string_view path) { parser.result.tls_keylog_file = path; }},
    {{"", "--version", "", "Print version and licence and exit."},
     [](Parser& parser, std::string_view) { parser.result.action = Action::version; }},
});

/// Is this argument meant, alone or as --name=value?
bool is_meant(const Argument& argument, std::string_view text) {
  if (text == argument.short_name || text == argument.long_name) return !text.empty();
  const std::string_view name = text.substr(0, text.find('='));
  return name != text && name == argument.long_name && !argument.value_name.empty();
}

std::expected<CommandLine, Diagnostics> Parser::parse() && {
  if (!arguments_.empty() && arguments_.front() == "doctor") {
    result.action = Action::doctor;
    ++next_;
  } else if (!arguments_.empty() && arguments_.front() == "adopt") {
    result.action = Action::adopt;
    ++next_;
  }
  while (next_ < arguments_.size() && !is_settled()) argument(arguments_[next_++]);
  if (is_settled()) return std::move(result);
  if (result.action == Action::test_config && result.config_file.empty()) {
    error("'--test-config' needs a file: -c FILE");
  }
  if (result.action == Action::reload && result.config_file.empty()) {
    error("'--reload' needs the configuration of the broker that is meant: -c FILE");
  }
  if (result.action == Action::import_file && result.config_file.empty()) {
    error("'--import' needs a configuration that names the store: -c FILE");
  }
  if (!result.backup_file.empty() && result.config_file.empty()) {
    error("'--backup' and '--restore' need a configuration that names the store: -c FILE");
  }
  if (errors_.empty()) check_doctor();
  if (errors_.empty()) check_adopt();
  if (!errors_.empty()) return std::unexpected(std::move(errors_));
  return std::move(result);
}

void Parser::help() {
  result.action = result.action == Action::doctor  ? Action::doctor_help
                  : result.action == Action::adopt ? Action::adopt_help
                                                   : Action::help;
}

void Parser::check_adopt() {
  if (arguments_.empty() || arguments_.front() != "adopt") {
    if (result.adopt == AdoptArguments()) return;
    return error("'--apply', '--undo', '--keep' and '--root' belong to darter adopt");
  }
  CommandLine allowed;
  allowed.action = Action::adopt;
  allowed.config_file = result.config_file;
  allowed.adopt = result.adopt;
  if (result != allowed) {
    error("'adopt' takes -c, --keep, --apply, --undo, --root and --help only");
  }
  if (result.adopt.apply && result.adopt.undo) error("'--apply' and '--undo' exclude each other");
}

void Parser::check_doctor() {
  if (arguments_.empty() || arguments_.front() != "doctor") {
    if (!result.nginx_file.empty()) error("'--nginx' belongs to darter doctor");
    return;
  }
  CommandLine allowed;
  allowed.action = Action::doctor;
  allowed.config_file = result.config_file;
  allowed.nginx_file = result.nginx_file;
  if (result != allowed) error("'doctor' takes -c, --nginx and --help only");
  if (result.config_file.empty()) error("'doctor' needs a configuration: darter doctor -c FILE");
}

void Parser::argument(std::string_view text) {
  const auto* const found =
      std::find_if(arguments.begin(), arguments.end(),
                   [&](const Argument& each) { return is_meant(each, text); });
  if (found == arguments.end()) return unknown(text);
  const auto value = value_of(*found, text);
  if (value) found->apply(*this, *value);
}

void Parser::unknown(std::string_view text) {
  std::vector<std::string_view> names;
  names.reserve(arguments.size());
  for (const Argument& each : arguments) names.push_back(each.long_name);
  if (!text.starts_with("--")) {
    names = {"doctor", "adopt", "explain"};
    for (const AskCommand& each : ask_commands()) names.push_back(each.name);
  }
  const std::string_view right = nearest(text, names);
  error(
      "Unknown argument '" + std::string(text) + "'; " +
      (right.empty() ? "darter --help lists them" : "did you mean '" + std::string(right) + "'?"));
}

std::optional<std::string_view> Parser::value_of(const Argument& argument, std::string_view text) {
  if (argument.value_name.empty()) return "";
  const auto equals = text.find('=');
  if (equals != text.npos) return text.substr(equals + 1);
  if (next_ < arguments_.size()) return arguments_[next_++];
  error("'" + std::string(text) + "' needs a value: " + std::string(text) + " " +
        std::string(argument.value_name));
  return std::nullopt;
}

void Parser::error(std::string text) {
  errors_.push_back({.severity = Severity::error, .file = {}, .line = 0, .text = std::move(text)});
}

void Parser::add_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool whole = code == std::errc() && end == text.data() + text.size();
  if (!whole || port == 0) {
    return error("Invalid port '" + std::string(text) + "'; it is a number, 1 to 65535");
  }
  if (result.ports.size() == ports_max) return error("At most 10 ports can be given");
  result.ports.push_back(port);
}

void Parser::set_file(std::string_view path) {
  if (path.empty()) return error("The name of the configuration file is empty");
  // The last -c counts, as with Mosquitto: wrappers append theirs.
  if (result.action == Action::convert && !result.config_file.empty()) {
    return error("'--convert' takes one file, and no other configuration");
  }
  result.config_file = path;
}

void Parser::import(std::string_view path) {
  if (path.empty()) return error("The name of the file to import is empty");
  if (!result.import_file.empty()) return error("Only one file can be imported at a time");
  result.action = Action::import_file;
  result.import_file = path;
}

void Parser::back_up(Action action, std::string_view path) {
  if (path.empty()) return error("The name of the backup is empty");
  if (!result.backup_file.empty()) return error("Only one backup can be named");
  result.action = action;
  result.backup_file = path;
}

void Parser::set_nginx(std::string_view path) {
  if (path.empty()) return error("The name of nginx's configuration file is empty");
  result.nginx_file = path;
}

void apply_log_level(const CommandLine& command_line, LogSettings& log) {
  if (command_line.verbose) log.types = std::numeric_limits<std::uint32_t>::max();
  if (!command_line.quiet) return;
  log.types = 0;
  log.destinations.clear();
}

}  // namespace

std::expected<CommandLine, Diagnostics> parse_command_line(
    const std::vector<std::string_view>& arguments_given) {
  return Parser(arguments_given).parse();
}

std::expected<Configuration, Diagnostics> load_configuration(const CommandLine& command_line) {
  std::expected<Configuration, Diagnostics> configuration;
  if (command_line.config_file.empty()) {
    configuration = resolve_configuration({}, command_line.ports);
  } else {
    configuration = load_configuration(command_line.config_file, command_line.ports);
  }
  if (!configuration) return configuration;
  apply_log_level(command_line, configuration->settings.log);
  configuration->settings.daemon = command_line.daemon;
  configuration->settings.tls_keylog_file = command_line.tls_keylog_file;
  return configuration;
}

std::expected<Settings, Diagnostics> load(const CommandLine& command_line) {
  auto configuration = load_configuration(command_line);
  if (!configuration) return std::unexpected(std::move(configuration.error()));
  return std::move(configuration->settings);
}

std::vector<ArgumentText> argument_texts() { return {arguments.begin(), arguments.end()}; }

}  // namespace conf
