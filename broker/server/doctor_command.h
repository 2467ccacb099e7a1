// broker/server/doctor_command.h
#pragma once

#include "conf/command_line.h"

namespace server {

/// darter doctor: gathers facts, has them examined, prints the findings. Changes nothing.
///
/// Returns   The exit status.
[[nodiscard]] int run_doctor(const conf::CommandLine& command_line);

}  // namespace server
