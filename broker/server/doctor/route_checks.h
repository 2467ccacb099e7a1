// broker/server/doctor/route_checks.h
#pragma once

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/finding.h"
#include "broker/server/doctor/routes.h"

namespace doctor {

/// Checks that the route leads to a listener that speaks nginx's protocol, on the path that it
/// serves.
///
/// Returns   Whether it does, so that the rest of the route is worth a check.
[[nodiscard]] bool check_destination(const Configuration& configuration, const Route& route,
                                     Findings& findings);

/// HTTP 1.1, the Upgrade and Connection headers.
void check_headers(const Route& route, Findings& findings);

/// Headers that nginx lets through and the broker does not take.
void check_header_sizes(const Configuration& configuration, const Route& route, Findings& findings);

/// Checks the web pages that may connect.
void check_origins(const Configuration& configuration, const Route& route, Findings& findings);

}  // namespace doctor
