// transport/loop_figures.h
#pragma once

#include <cstdint>

#include "broker/core/figure.h"

namespace transport {

/// The time for which a loop served others before it came back to a client.
struct LoopFigures {
  std::int64_t turn_milliseconds = 0;      // the longest of any loop, lately
  std::int64_t turn_max_milliseconds = 0;  // since the start
};

/// A row for each of them.
[[nodiscard]] broker::FigureTable<LoopFigures> loop_figures() noexcept;

}  // namespace transport
