// broker/server/doctor/caller_checks.h
#pragma once

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/finding.h"
#include "broker/server/doctor/routes.h"

namespace doctor {

/// Does the broker learn who calls through this proxy: do both sides agree about a PROXY header, is
/// the proxy believed, and do limits by address count clients rather than the proxy?
///
/// Requires  `route` has a listener.
void check_callers(const Configuration& configuration, const Route& route, Findings& findings);

}  // namespace doctor
