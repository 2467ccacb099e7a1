// broker/server/sight.h
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "auth/authenticator_statistics.h"
#include "broker/cluster/node.h"
#include "broker/core/metrics.h"
#include "broker/server/figures.h"
#include "broker/server/http/exposition.h"
#include "broker/sys_topics.h"
#include "persistence/writer_figures.h"
#include "transport/bridge/bridge_board.h"
#include "transport/loop_counts.h"
#include "transport/loop_figures.h"

namespace server {

/// All figures of the broker at one time: a Source for each table.
struct Sight {
  broker::Instant started;
  broker::BrokerFigures broker;
  broker::Metrics shards;
  transport::LoopFigures loops;
  transport::LoopCounts counts;
  auth::AuthenticatorStatistics logins;
  std::optional<persistence::WriterFigures> store;          // nothing: nothing is stored
  std::map<std::string, CertificateFigures> certificates;   // by port
  std::map<std::string, transport::BridgeFigures> bridges;  // by name
  std::optional<ClusterFigures> cluster;                    // nothing: there is none
  cluster::ClusterView cluster_view;                        // means nothing without `cluster`
  ProcessFigures process;
  std::vector<std::string> faults;  // why clients are not served as they should be; sentences

  /// Takes in one loop more.
  void add(const transport::LoopReport& report);
};

/// All of it as a text for Prometheus.
[[nodiscard]] std::string text_of(const Sight& sight, ExpositionForm form);

}  // namespace server
