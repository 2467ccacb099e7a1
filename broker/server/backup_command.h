// broker/server/backup_command.h
#pragma once

#include <string>

#include "conf/settings.h"

namespace server {

/// darter --backup: copies the configured store into a file, beside a broker that may run.
///
/// Returns   The exit status.
[[nodiscard]] int back_up_store(const conf::Settings& settings, const std::string& file);

/// darter --restore: puts such a file in the place of the configured store.
///
/// Returns   The exit status.
[[nodiscard]] int restore_store(const conf::Settings& settings, const std::string& file);

}  // namespace server
