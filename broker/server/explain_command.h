// broker/server/explain_command.h
#pragma once

#include <expected>
#include <string>

#include "conf/explain_line.h"

namespace server {

/// The output of darter explain: what an event of the log means and what to do; or all events, a
/// line each. It asks no broker.
///
/// Errors    One sentence, if there is no such event; it names the one that is meant.
[[nodiscard]] std::expected<std::string, std::string> explain(const conf::ExplainLine& line);

}  // namespace server
