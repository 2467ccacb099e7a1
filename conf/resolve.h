#pragma once

#include <cstdint>
#include <vector>

#include "conf/configuration.h"
#include "conf/settings.h"
#include "conf/source.h"

namespace conf {

/// Combines the parts of a configuration: defaults, default listener, and the options that each
/// listener inherits.
///
/// Shape      With per_listener_settings, security options that stand before the first listener are
///            the defaults of every listener that does not set its own, except that
///            `allow_anonymous true` is never inherited. (Mosquitto opens port 1883 on all
///            addresses for them.)
///
/// Requires  `source` has no errors.
/// Returns   Complete settings. `ports` are those of the command line: loopback only, and of no
///           effect if the source has a listener, port or bind_address.
[[nodiscard]] Configuration resolve_configuration(const Source& source,
                                                  const std::vector<std::uint16_t>& ports = {});

/// The settings alone.
[[nodiscard]] Settings resolve(const Source& source, const std::vector<std::uint16_t>& ports = {});

}  // namespace conf
