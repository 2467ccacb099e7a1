#include "transport/loop_figures.h"

namespace transport {
namespace {

constexpr broker::Figure<LoopFigures> loop_rows[] = {
    {.name = "loop_turn_longest",
     .value = broker::largest_of<&LoopFigures::turn_milliseconds>,
     .kind = broker::FigureKind::gauge,
     .unit = broker::FigureUnit::milliseconds,
     .topic = "loop/turn/current",
     .help = "The longest time a client waited for its loop, since the last value."},
    {.name = "loop_turn_maximum",
     .value = broker::largest_of<&LoopFigures::turn_max_milliseconds>,
     .kind = broker::FigureKind::maximum,
     .unit = broker::FigureUnit::milliseconds,
     .topic = "loop/turn/maximum",
     .help = "The same since the start."},
};
static_assert(broker::has_every_member<LoopFigures>(loop_rows),
              "each member of LoopFigures has one row");
static_assert(broker::is_complete<LoopFigures>(loop_rows));

}  // namespace

broker::FigureTable<LoopFigures> loop_figures() noexcept {
  return {broker::FigureOwner::loop, loop_rows};
}

}  // namespace transport
