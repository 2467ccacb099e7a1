#pragma once

#include "conf/source.h"

namespace conf {

/// Do the options about proxies and unix sockets of each listener make sense together?
///
/// Returns   An error where the listener could never do what its options say; a warning where it
///           believes everybody, or where an option has no effect. Each with its place.
[[nodiscard]] Diagnostics check_proxies(const Source& source);

}  // namespace conf
