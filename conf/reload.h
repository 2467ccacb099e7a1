#pragma once

#include "conf/settings.h"

namespace conf {

/// What changed between two configurations, but is read at start only.
///
/// Returns   One warning for each such option; the broker goes on with the value of its start.
[[nodiscard]] Diagnostics not_reloaded(const Settings& running, const Settings& read);

}  // namespace conf
