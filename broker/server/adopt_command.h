// broker/server/adopt_command.h
#pragma once

#include "conf/command_line.h"

namespace server {

/// darter adopt: says what moving this machine from Mosquitto to darter changes, does it, or takes
/// it back.
///
/// Returns   The exit status.
[[nodiscard]] int run_adopt(const conf::CommandLine& command_line);

}  // namespace server
