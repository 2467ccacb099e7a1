// broker/server/running.h
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "auth/realm.h"
#include "broker/core/limits.h"
#include "conf/command_line.h"
#include "conf/configuration.h"

namespace server {

/// The configuration that is in force, and how it came to be.
///
/// Shape      By number: see ListenerSet. Numbers of listeners that are gone keep their entries,
///            for connections and sessions that name them.
/// Invariant  Options that are read at start only have the values of the start in `settings`.
/// Threads    The main thread.
struct Running {
  conf::CommandLine command_line;  // names the file to read again
  conf::Settings settings;
  conf::Written written;
  conf::WrittenOptions start;  // the file's options of the broker at the start
  std::vector<std::shared_ptr<const auth::Realm>> realms;  // by number
  std::vector<auth::RealmOptions> realm_options;           // by number
  std::vector<broker::ListenerPolicy> policies;            // by number
  std::uint64_t open_files_max = 0;
};

}  // namespace server
