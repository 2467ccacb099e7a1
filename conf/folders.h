#pragma once

#include "conf/source.h"

namespace conf {

/// Are the folders here that `source` wants files to be served from (http_dir)?
///
/// Returns   A warning for each that is not, with its place: the broker starts, and answers 404.
[[nodiscard]] Diagnostics missing_folders(const Source& source);

}  // namespace conf
