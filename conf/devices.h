#pragma once

#include "conf/source.h"

namespace conf {

/// Are the network devices here that `source` wants to listen on (bind_interface)?
///
/// Returns   An error for each that is not, with its place and the names that would do.
[[nodiscard]] Diagnostics missing_devices(const Source& source);

}  // namespace conf
