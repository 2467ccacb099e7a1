// persistence/writer_figures.h
#pragma once

#include <cstdint>
#include <string>

#include "broker/core/figure.h"

namespace persistence {

/// The writer's totals since the start.
struct WriterFigures {
  std::uint64_t commits = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::uint64_t commit_microseconds = 0;  // the last one
  broker::Histogram commit;               // all of them
  std::uint64_t lag_microseconds = 0;     // since the oldest batch came that is not on disk
  std::uint64_t waiting = 0;              // batches that are not on disk
  std::uint64_t failures = 0;             // commits that had to be tried again
  bool failing = false;
  std::string error;           // while it is failing: why
  std::uint64_t renewals = 0;  // times that all was written anew
};

/// A row for each of them.
[[nodiscard]] broker::FigureTable<WriterFigures> store_figures() noexcept;

}  // namespace persistence
