// broker/server/doctor/caller_checks.h
#pragma once

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/finding.h"
#include "broker/server/doctor/routes.h"

namespace doctor {

/// Checks that the broker learns the clients' addresses behind this proxy: both sides agree about a
/// PROXY header, the proxy is trusted, and limits by address count clients rather than the proxy.
///
/// Requires  `route` has a listener.
void check_callers(const Configuration& configuration, const Route& route, Findings& findings);

}  // namespace doctor
