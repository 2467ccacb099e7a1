// broker/server/doctor/examine.h
#pragma once

#include <optional>
#include <vector>

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/facts.h"
#include "broker/server/doctor/finding.h"
#include "conf/nginx_reader.h"

namespace doctor {

/// All input of the checks: the configurations of broker and nginx, and the facts of the system.
struct Case {
  Configuration configuration;
  std::optional<conf::NginxConfiguration> nginx;
  std::string nginx_missing;  ///< why there is no nginx: it was not found, or cannot be read
  Facts facts;
};

/// All checks, over facts that were gathered before: pure.
[[nodiscard]] std::vector<Chapter> examine(const Case& subject);

}  // namespace doctor
