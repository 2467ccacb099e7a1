// broker/server/start_lines.h
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "broker/core/log.h"
#include "broker/server/active_configuration.h"
#include "broker/server/login_service.h"

namespace server {

// Lines about the life of the process.

/// The first lines of the log: the version, the file, and what the configuration is warned of.
void say_how_it_starts(broker::Log& log, const ActiveConfiguration& active,
                       const std::vector<std::shared_ptr<const auth::Realm>>& realms);
/// "Warning: SENTENCE", about the configuration.
void warn_of_configuration(broker::Log& log, std::string_view sentence);
/// "darter version 1.0 CHANGE"
void note_life(broker::Log& log, broker::Event event, std::string_view change);

}  // namespace server
