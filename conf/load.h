#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/configuration.h"
#include "conf/settings.h"
#include "conf/source.h"

namespace conf {

/// Reads `text` in the form that it is written in. `file` is the name that diagnostics give.
[[nodiscard]] Source read_source(std::string_view text, const std::string& file);

/// Reads a configuration file, mosquitto.conf or darter.toml: the one door for start and reload.
///
/// Requires  `ports` are those of the command line; see resolve().
/// Returns   Complete settings, with warnings and notices in `remarks`; a folder of files that is
///           not there is a warning.
/// Errors    Every error of the file and of those that it includes, and the warnings among them; a
///           network device that this machine does not have is one.
[[nodiscard]] std::expected<Settings, Diagnostics> load(
    const std::string& path, const std::vector<std::uint16_t>& ports = {});

/// The same with how it was said.
[[nodiscard]] std::expected<Configuration, Diagnostics> load_configuration(
    const std::string& path, const std::vector<std::uint16_t>& ports = {});

/// The same for a text.
[[nodiscard]] std::expected<Settings, Diagnostics> load_text(
    std::string_view text, const std::string& file, const std::vector<std::uint16_t>& ports = {});

/// Settings without a file: 127.0.0.1 and ::1, port 1883 or `ports`, anonymous clients allowed.
[[nodiscard]] Settings load_defaults(const std::vector<std::uint16_t>& ports = {});

/// A configuration file as the text of a darter.toml that says the same: a darter.toml that
/// includes no other file is that already.
///
/// Errors    As load().
[[nodiscard]] std::expected<std::string, Diagnostics> convert(const std::string& path);

}  // namespace conf
