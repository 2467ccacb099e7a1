// broker/server/program.h
#pragma once

#include <string_view>
#include <vector>

namespace server {

/// Runs darter as its command line asks: prints help, checks a configuration, or is a broker until
/// SIGTERM or SIGINT.
///
/// Returns   The exit status that scripts know from Mosquitto: 0 after an orderly end, 3 for bad
///           arguments or configuration, 1 if a listener cannot be opened.
[[nodiscard]] int run(const std::vector<std::string_view>& arguments);

}  // namespace server
