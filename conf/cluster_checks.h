#pragma once

#include "conf/source.h"

namespace conf {

/// Checks the options of the cluster, each by itself and together.
///
/// Shape      Errors: an address of another form than nats://HOST:PORT, a name that NATS cannot
///            carry, halves of a pair. Warnings: options without effect, and
///            connections that another server can take over or read.
/// Returns    All findings, each with its place.
[[nodiscard]] Diagnostics check_cluster(const Source& source);

}  // namespace conf
