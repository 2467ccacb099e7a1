#pragma once

#include "tools/darter-client/settings.h"

namespace shell {

/// The whole of a tool, from its command line to its exit status.
[[nodiscard]] int run_tool(Tool tool, int argc, char** argv);

}  // namespace shell
