// broker/server/ask_command.h
#pragma once

#include "conf/ask_line.h"

namespace server {

/// darter clients and its like: asks a running broker, and prints the answer as a table or as JSON.
///
/// Returns   The exit status: see conf::ask_help_text().
[[nodiscard]] int run_ask(const conf::AskLine& line);

}  // namespace server
