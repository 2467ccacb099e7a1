#include "broker/server/sight.h"

#include <utility>

#include "broker/core/shard_figures.h"
#include "broker/server/sight_sources.h"

namespace server {

void Sight::add(const transport::LoopReport& report) {
  broker::merge(broker::shard_figures(), shards, report.shard);
  broker::merge(transport::loop_count_figures(), counts, report.counts);
}

std::string text_of(const Sight& sight, ExpositionForm form) {
  Exposition exposition(form);
  for_each_figure_table([&]<typename Source>(const broker::FigureTable<Source>& table) {
    const Items<Source> items = SourceOf{sight}(table);
    exposition.add(table, std::span<const Exposition::Item<Source>>(items));
  });
  return std::move(exposition).finish();
}

}  // namespace server
