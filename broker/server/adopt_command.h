// broker/server/adopt_command.h
#pragma once

#include "conf/command_line.h"

namespace server {

/// darter adopt: lists the changes that move this machine from Mosquitto to darter, makes them, or
/// takes them back.
///
/// Returns   The exit status.
[[nodiscard]] int run_adopt(const conf::CommandLine& command_line);

}  // namespace server
