#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conf {

/// The whole content of a file.
///
/// Errors    One sentence in the system's words: "Unable to open config file 'X': No such file...".
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::string& path);

/// The paths of the files in `folder` with one of these endings (".conf"), in the order in which
/// Mosquitto reads them: letter by letter without regard to case, and the capital before the small
/// of the same letter.
///
/// Errors    One sentence, if the folder cannot be read.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> conf_files_of(
    const std::string& folder, std::span<const std::string_view> endings);

}  // namespace conf
