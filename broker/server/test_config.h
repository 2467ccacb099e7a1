// broker/server/test_config.h
#pragma once

#include <memory>
#include <vector>

#include "broker/server/certificates.h"
#include "conf/command_line.h"
#include "conf/settings.h"

namespace auth {
class Realm;
}

namespace server {

/// darter --test-config, once the configuration and the files that it reads are known to be good:
/// prints warnings about them, and obstacles to making the files that the broker needs.
///
/// Returns   The exit status.
[[nodiscard]] int test_config(const conf::CommandLine& command_line, const conf::Settings& settings,
                              const std::vector<std::shared_ptr<const auth::Realm>>& realms,
                              const TlsContexts& contexts);

}  // namespace server
