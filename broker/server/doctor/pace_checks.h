// broker/server/doctor/pace_checks.h
#pragma once

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/finding.h"
#include "broker/server/doctor/routes.h"

namespace doctor {

/// Does nginx cut connections that are only quiet?
void check_timeouts(const Configuration& configuration, const Route& route, Findings& findings);

/// limit_req and limit_conn: do they cut clients that come back together?
void check_rates(const Route& route, Findings& findings);

/// Does the server in front speak TLS where others can listen?
void check_front(const Route& route, Findings& findings);

}  // namespace doctor
