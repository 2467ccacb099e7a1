// broker/server/doctor/listener_checks.h
#pragma once

#include <set>

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/facts.h"
#include "broker/server/doctor/finding.h"

namespace doctor {

/// Checks which clients can connect, and the credentials that they need.
///
/// Requires  `proxied` are the listeners that nginx sends the world to.
void check_listeners(const Configuration& configuration, const std::set<std::size_t>& proxied,
                     Findings& findings);

/// Reports the results of reading certificates, keys, users and access rules as the broker does.
void check_trials(const Configuration& configuration, const Facts& facts, Findings& findings);

/// Findings of one trial: errors, warnings, why it was not tried, or that all is well.
///
/// Requires  `what` and `good` are a sentence when all is well: "The certificate" "is good".
///           `renew` is the remedy against warnings.
void check_trial(const Trial& trial, const std::string& where, const std::string& what,
                 const std::string& good, const std::string& renew, Findings& findings);

}  // namespace doctor
