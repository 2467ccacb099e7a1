#pragma once

#include "conf/source.h"

namespace conf {

/// Do the options about proxies and unix sockets of each listener make sense together?
///
/// Returns   An error if the listener could never act as its options say; a warning if it trusts
///           every peer, or if an option has no effect. Each with its place.
[[nodiscard]] Diagnostics check_proxies(const Source& source);

}  // namespace conf
