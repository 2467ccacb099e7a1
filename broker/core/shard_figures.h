// broker/core/shard_figures.h
#pragma once

#include "broker/core/figure.h"
#include "broker/core/metrics.h"

namespace broker {

/// A row for each figure in Metrics, and those that follow from them.
///
/// Invariant  Each member of Metrics is in one row: another one does not compile.
[[nodiscard]] FigureTable<Metrics> shard_figures() noexcept;

}  // namespace broker
