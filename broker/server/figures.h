// broker/server/figures.h
#pragma once

#include <cstdint>

#include "auth/authenticator_statistics.h"
#include "broker/core/figure.h"
#include "broker/core/shard_figures.h"
#include "broker/server/cluster/cluster_figures.h"
#include "broker/sys_topics.h"
#include "persistence/writer_figures.h"
#include "transport/bridge/bridge_board.h"
#include "transport/loop_counts.h"
#include "transport/loop_figures.h"

namespace server {

/// Figures of the process itself.
struct ProcessFigures {
  std::uint64_t heap_bytes = 0;
  std::uint64_t heap_max_bytes = 0;
  std::uint64_t log_lines_dropped = 0;
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t open_files_max = 0;
  std::uint64_t mail_waiting = 0;
  std::uint64_t configuration_generation = 1;  // one more with each reload that was taken over
  std::uint64_t reloads_refused = 0;
};
[[nodiscard]] broker::FigureTable<ProcessFigures> process_figures() noexcept;

/// Figures of the certificate of one listener. Its item is the port.
struct CertificateFigures {
  std::int64_t ends = 0;  // seconds since 1970
  std::int64_t days = 0;  // until then; below 0: it has ended
};
[[nodiscard]] broker::FigureTable<CertificateFigures> certificate_figures() noexcept;

/// Figures of one bridge. Its item is the name.
[[nodiscard]] broker::FigureTable<transport::BridgeFigures> bridge_figures() noexcept;

/// The one table of figures: calls `visit(table)` for the table of each library.
template <typename Visit>
void for_each_figure_table(Visit&& visit) {
  visit(broker::broker_figures());
  visit(broker::shard_figures());
  visit(transport::loop_figures());
  visit(transport::loop_count_figures());
  visit(auth::login_figures());
  visit(persistence::store_figures());
  visit(certificate_figures());
  visit(bridge_figures());
  visit(cluster_figures());
  visit(process_figures());
}

}  // namespace server
