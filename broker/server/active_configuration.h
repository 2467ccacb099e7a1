// broker/server/active_configuration.h
#pragma once

#include <cstdint>

#include "conf/command_line.h"
#include "conf/configuration.h"

namespace server {

/// The configuration that is in force, and how it came to be.
///
/// Invariant  Options that are read at start only have the values of the start in `settings`.
/// Threads    The main thread.
struct ActiveConfiguration {
  conf::CommandLine command_line;  // names the file to read again
  conf::Settings settings;
  conf::Written written;
  conf::WrittenOptions start;  // the file's options of the broker at the start
  std::uint64_t open_files_max = 0;
};

}  // namespace server
