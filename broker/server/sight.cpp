#include "broker/server/sight.h"

#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/shard_figures.h"

namespace server {
namespace {

template <typename Source>
using Items = std::vector<Exposition::Item<Source>>;

template <typename Source>
Items<Source> items_of(const std::map<std::string, Source>& sources) {
  Items<Source> items;
  items.reserve(sources.size());
  for (const auto& [name, source] : sources) items.emplace_back(name, &source);
  return items;
}

template <typename Source>
Items<Source> one(const Source& source) {
  return {{std::string_view(), &source}};
}

/// The Source of each table. A table without one does not compile.
struct SourceOf {
  const Sight& sight;

  [[nodiscard]] auto operator()(const broker::FigureTable<broker::BrokerFigures>& /*table*/) const {
    return one(sight.broker);
  }
  [[nodiscard]] auto operator()(const broker::FigureTable<broker::Metrics>& /*table*/) const {
    return one(sight.shards);
  }
  [[nodiscard]] auto operator()(
      const broker::FigureTable<transport::LoopFigures>& /*table*/) const {
    return one(sight.loops);
  }
  [[nodiscard]] auto operator()(const broker::FigureTable<transport::LoopCounts>& /*table*/) const {
    return one(sight.counts);
  }
  [[nodiscard]] auto operator()(
      const broker::FigureTable<auth::AuthenticatorStatistics>& /*table*/) const {
    return one(sight.logins);
  }
  [[nodiscard]] auto operator()(
      const broker::FigureTable<persistence::WriterFigures>& /*table*/) const {
    return sight.store ? one(*sight.store) : Items<persistence::WriterFigures>();
  }
  [[nodiscard]] auto operator()(const broker::FigureTable<CertificateFigures>& /*table*/) const {
    return items_of(sight.certificates);
  }
  [[nodiscard]] auto operator()(
      const broker::FigureTable<transport::BridgeFigures>& /*table*/) const {
    return items_of(sight.bridges);
  }
  [[nodiscard]] auto operator()(const broker::FigureTable<ProcessFigures>& /*table*/) const {
    return one(sight.process);
  }
};

}  // namespace

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
