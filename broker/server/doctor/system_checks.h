// broker/server/doctor/system_checks.h
#pragma once

#include <cstdint>
#include <optional>

#include "broker/server/doctor/configuration.h"
#include "broker/server/doctor/facts.h"
#include "broker/server/doctor/finding.h"

namespace doctor {

/// How many clients may be connected at a time. None: that is not limited.
[[nodiscard]] std::optional<std::uint64_t> clients_max(const conf::Settings& settings);

/// Open files: of the unit or, without one, of this shell, against the connections that are wanted.
void check_open_files(const Configuration& configuration, const Facts& facts, Findings& findings);

/// How many clients may wait for accept() when all come at once.
void check_backlogs(const Configuration& configuration, const Facts& facts, Findings& findings);

}  // namespace doctor
