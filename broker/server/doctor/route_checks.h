// broker/server/doctor/route_checks.h
#pragma once

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/finding.h"
#include "broker/server/doctor/routes.h"

namespace doctor {

/// Does the way lead to a listener that speaks what nginx speaks, on the path that it serves?
///
/// Returns   Whether it does, so that the rest of the way is worth a look.
[[nodiscard]] bool check_destination(const Configuration& configuration, const Route& route,
                                     Findings& findings);

/// HTTP 1.1, the Upgrade and Connection headers.
void check_headers(const Route& route, Findings& findings);

/// Headers that nginx lets through and the broker does not take.
void check_header_sizes(const Configuration& configuration, const Route& route, Findings& findings);

/// Whose web pages may connect.
void check_origins(const Configuration& configuration, const Route& route, Findings& findings);

}  // namespace doctor
