// broker/server/trace_command.h
#pragma once

#include <string>

#include "conf/ask_line.h"

namespace server {

/// darter trace: the events of clients or topics of a running broker as they come, until Ctrl-C,
/// --for, --count, or the end of its reader.
///
/// Shape      A line for each event: time, connection, client, direction or kind, text. With --json
///            an object a line, as the API has it; lost events are a line of their own.
[[nodiscard]] int run_trace(const conf::AskLine& line, const std::string& file);

}  // namespace server
