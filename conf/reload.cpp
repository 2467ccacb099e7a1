#include "conf/reload.h"

#include <string>
#include <string_view>

namespace conf {

Diagnostics not_reloaded(const Settings& running, const Settings& read) {
  Diagnostics warnings;
  const auto compare = [&](std::string_view name, bool changed) {
    if (!changed) return;
    warnings.push_back({.severity = Severity::warning,
                        .file = {},
                        .line = 0,
                        .text = "'" + std::string(name) +
                                "' changed, but is read at start only: restart to use it"});
  };
  compare("threads", running.threads != read.threads);
  compare("pid_file", running.pid_file != read.pid_file);
  compare("user", running.user != read.user);
  compare("persistence", running.persistence != read.persistence);
  compare("persistence_location", running.persistence_location != read.persistence_location);
  compare("persistence_file", running.persistence_file != read.persistence_file);
  compare("persistence_durability", running.persistence_relaxed != read.persistence_relaxed);
  compare("persistence_damaged",
          running.persistence_refuse_damaged != read.persistence_refuse_damaged);
  return warnings;
}

}  // namespace conf
