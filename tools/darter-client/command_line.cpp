#include "tools/darter-client/command_line.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/darter-client/input.h"

namespace shell {
namespace {

using Words = std::span<const std::string>;
using Taken = std::expected<void, NoSettings>;

constexpr std::size_t options_bytes_max = 1'048'576;

std::unexpected<NoSettings> refused(std::string text) {
  return std::unexpected(NoSettings{.text = std::move(text)});
}

/// Takes one option and its arguments off the front of `words`.
Taken take_option(Settings& settings, Words& words) {
  const std::string& name = words.front();
  words = words.subspan(1);
  const Option* option = option_named(settings.tool, name);
  if (option == nullptr) return refused(*fault_line("Unknown option '" + name + "'."));
  std::string value;
  switch (option->kind) {
    case Option::Kind::help:
      return std::unexpected(NoSettings{.why = NoSettings::Why::help});
    case Option::Kind::version:
      return std::unexpected(NoSettings{.why = NoSettings::Why::version});
    case Option::Kind::property: {
      const auto taken = take_property_words(words, settings.properties);
      if (!taken) return refused(taken.error());
      words = words.subspan(*taken);
      settings.version = mqtt::Version::v5_0;
      return {};
    }
    case Option::Kind::options_file:
    case Option::Kind::value:
      if (words.empty()) return refused(*fault_lines(std::string(option->missing)));
      value = words.front();
      words = words.subspan(1);
      break;
    case Option::Kind::flag:
      break;
  }
  if (option->apply == nullptr) return {};
  if (auto fault = option->apply(settings, value)) return refused(std::move(*fault));
  return {};
}

/// The words of a line: an option and its argument. A property has several, and its value may hold
/// blanks.
std::vector<std::string> words_of_line(std::string_view line) {
  const auto word = [&]() {
    const auto end = std::min(line.find(' '), line.size());
    std::string result(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
    return result;
  };
  std::vector<std::string> words{word()};
  if (words[0] == "-D" || words[0] == "--property") {
    while (words.size() < 3 && !line.empty()) words.push_back(word());
    if (words.size() == 3 && words[2] == "user-property" && !line.empty()) words.push_back(word());
  }
  if (!line.empty()) words.emplace_back(line);
  return words;
}

/// The file of -o; the last word may be its argument's place.
std::expected<std::optional<std::string>, NoSettings> options_file_named(Words words) {
  std::optional<std::string> result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "-o") continue;
    if (result) return refused(*fault_lines("Duplicate -o argument given."));
    if (i + 1 == words.size()) {
      return refused(*fault_lines("-o argument given but no options file specified."));
    }
    result = words[i + 1];
  }
  return result;
}

std::string_view mosquitto_name(Tool tool) {
  return tool == Tool::pub ? "mosquitto_pub" : tool == Tool::sub ? "mosquitto_sub" : "mosquitto_rr";
}

Taken take_options_file(Settings& settings, Words words, const Environment& environment) {
  const auto named = options_file_named(words);
  if (!named) return std::unexpected(named.error());
  if (*named) {
    const auto text = read_file(**named, options_bytes_max);
    if (!text) {
      return refused(*fault_lines("Unable to read the options file \"" + **named +
                                  "\": " + text.error() + "."));
    }
    return take_options_text(settings, *text);
  }
  std::string folder;
  if (environment.config_home) {
    folder = *environment.config_home;
  } else if (environment.home) {
    folder = *environment.home + "/.config";
  } else {
    return {};
  }
  for (const std::string_view name : {name_of(settings.tool), mosquitto_name(settings.tool)}) {
    const auto text = read_file(folder + "/" + std::string(name), options_bytes_max);
    if (text) return take_options_text(settings, *text);
  }
  return {};
}

Fault check_will(const WillSettings& will) {
  if (will.topic) return std::nullopt;
  if (will.payload) return fault_line("Will payload given, but no will topic given.");
  if (will.retain) return fault_line("Will retain given, but no will topic given.");
  return std::nullopt;
}

Fault check_security(const Security& security) {
  if (security.certificate.empty() != security.key.empty()) {
    return fault_line("Both certfile and keyfile must be provided if one of them is set.");
  }
  if (!security.key_form.empty() && security.key.empty()) {
    return fault_line("If keyform is set, keyfile must be also specified.");
  }
  if (!security.engine_password.empty() && (security.key_form.empty() || security.engine.empty())) {
    return fault_line(
        "when using tls-engine-kpass-sha1, both tls-engine and keyform must also be provided.");
  }
  if (!security.psk.empty() && !(security.ca_file.empty() && security.ca_path.empty())) {
    return fault_line("Only one of --psk or --cafile/--capath may be used at once.");
  }
  if (!security.psk.empty() && security.psk_identity.empty()) {
    return fault_line("--psk-identity required if --psk used.");
  }
  return std::nullopt;
}

/// Whether the broker's choice of a client identifier would lose the session.
Fault check_session(Settings& settings) {
  constexpr std::uint32_t never = std::numeric_limits<std::uint32_t>::max();
  const bool nameless = settings.client_id_prefix || !settings.client_id;
  if (settings.version.value_or(mqtt::Version::v5_0) != mqtt::Version::v5_0) {
    if (settings.clean || !nameless) return std::nullopt;
    return fault_line("You must provide a client id if you are using the -c option.");
  }
  if (!settings.session_expiry_seconds && !settings.clean) settings.session_expiry_seconds = never;
  if (settings.session_expiry_seconds == never && nameless) {
    return fault_line(
        "You must provide a client id if you are using an infinite session expiry interval.");
  }
  if (settings.session_expiry_seconds.value_or(0) > 0) {
    add_property(settings.properties.connect, mqtt::PropertyId::session_expiry_interval,
                 *settings.session_expiry_seconds);
  }
  return std::nullopt;
}

}  // namespace

Taken take_options(Settings& settings, Words words) {
  while (!words.empty()) {
    if (auto taken = take_option(settings, words); !taken) return taken;
  }
  return {};
}

Taken take_options_text(Settings& settings, std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.ends_with('\r')) line.remove_suffix(1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    if (line.empty() || line.starts_with('#')) continue;
    if (auto taken = take_options(settings, words_of_line(line)); !taken) return taken;
  }
  return {};
}

Fault check_settings(Settings& settings) {
  if (auto fault = check_will(settings.will)) return fault;
  if (auto fault = check_security(settings.security)) return fault;
  if (auto fault = check_session(settings)) return fault;
  if (settings.tool == Tool::sub && settings.topics.empty() &&
      settings.unsubscribe_topics.empty()) {
    return fault_line("You must specify a topic to subscribe to (-t) or unsubscribe from (-U).");
  }
  if (const auto checked = check_properties(settings.properties); !checked) {
    return checked.error();
  }
  return std::nullopt;
}

std::expected<Settings, NoSettings> read_command_line(Tool tool, Words words,
                                                      const Environment& environment) {
  Settings settings(tool);
  if (auto taken = take_options_file(settings, words, environment); !taken) {
    return std::unexpected(std::move(taken).error());
  }
  if (auto taken = take_options(settings, words); !taken) {
    return std::unexpected(std::move(taken).error());
  }
  if (auto fault = check_settings(settings)) return refused(std::move(*fault));
  return settings;
}

}  // namespace shell
