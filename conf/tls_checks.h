#pragma once

#include "conf/source.h"

namespace conf {

/// Do the TLS options of each listener make sense together?
///
/// Returns   An error where the listener would be less safe than its options say, or let nobody in;
///           a warning where an option has no effect; a notice where another value is used. Each
///           with its place.
[[nodiscard]] Diagnostics check_tls(const Source& source);

}  // namespace conf
