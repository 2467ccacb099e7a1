// broker/server/doctor/file_checks.h
#pragma once

#include <string>
#include <vector>

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/facts.h"
#include "broker/server/doctor/finding.h"

namespace doctor {

/// A path that the configuration names, and the use that the broker's user makes of it.
struct NamedPath {
  enum class Use {
    read,         ///< a file, at the start and at every reload
    read_secret,  ///< the same, and nobody else may read it
    read_folder,  ///< a folder with files to read
    write_file,   ///< a file that is made, or added to: a log
    keep_in,      ///< a folder in which files are made
    kept_file,    ///< a file in such a folder, once it has been made
    socket,       ///< a unix socket that is made at the start, before the broker is its user
    start_file,   ///< a file that is made then: pid_file
  };
  std::string path;
  Use use = Use::read;
  std::string option;
  std::string where;
};

/// Every path of the configuration, each once.
[[nodiscard]] std::vector<NamedPath> paths_of(const Configuration& configuration);

/// Checks that the files exist, that the broker's user may use them, and that no other user has
/// rights that endanger them.
void check_files(const Configuration& configuration, const Facts& facts, Findings& findings);

/// The same only of the files that the broker makes: its store, logs, sockets and pid file. Without
/// them it does not start, or a feature is missing.
void check_made_files(const Configuration& configuration, const Facts& facts, Findings& findings);

}  // namespace doctor
