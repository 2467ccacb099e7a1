#pragma once

#include <string>

#include "tools/darter-client/settings.h"

namespace shell {

/// The output of --help: the tool's options, out of their table, and examples.
[[nodiscard]] std::string help_text(Tool tool);

}  // namespace shell
