// broker/server/top_command.h
#pragma once

#include <string>

#include "conf/ask_line.h"

namespace server {

/// darter status: the state of a running broker, with the rates of one second.
[[nodiscard]] int run_status(const conf::AskLine& line, const std::string& file);

/// darter top: the same, the busiest topics and publishers, and the foremost clients, again and
/// again, until Ctrl-C or --count.
///
/// Shape      On a terminal each screen takes the place of the one before; elsewhere they follow
///            each other. With --json each is one line: {"status": ..., "clients": [...]}.
[[nodiscard]] int run_top(const conf::AskLine& line, const std::string& file);

}  // namespace server
