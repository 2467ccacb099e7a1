// broker/server/sight_sources.h
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/server/sight.h"

namespace server {

/// The Sources of one table, with the names of their items; without name: there is one Source.
template <typename Source>
using Items = std::vector<Exposition::Item<Source>>;

template <typename Source>
[[nodiscard]] Items<Source> items_of(const std::map<std::string, Source>& sources) {
  Items<Source> items;
  items.reserve(sources.size());
  for (const auto& [name, source] : sources) items.emplace_back(name, &source);
  return items;
}

template <typename Source>
[[nodiscard]] Items<Source> one(const Source& source) {
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
  [[nodiscard]] auto operator()(const broker::FigureTable<ClusterFigures>& /*table*/) const {
    return sight.cluster ? one(*sight.cluster) : Items<ClusterFigures>();
  }
  [[nodiscard]] auto operator()(const broker::FigureTable<ProcessFigures>& /*table*/) const {
    return one(sight.process);
  }
};

}  // namespace server
