#pragma once

#include <string>
#include <string_view>

#include "broker/wire/publish.h"
#include "tools/darter-client/settings.h"

namespace shell {

/// Writes to standard output at once. False if its reader has gone.
[[nodiscard]] bool print(std::string_view text);

/// A message as the settings want it printed, with its line end.
///
/// `fault`: gets a line for standard error if the payload does not fit the format.
[[nodiscard]] std::string printed_message(const Settings& settings, const mqtt::Publish& message,
                                          std::string& fault);

}  // namespace shell
