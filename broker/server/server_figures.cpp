// The figures of a running broker: for $SYS, for HTTP and for the control socket.

#include <algorithm>
#include <cstddef>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/process_figures.h"
#include "broker/server/server.h"

namespace server {

using broker::concat;

void Server::publish(std::string_view topic, std::string value) {
  loops_->post(broker::ShardIndex{0}, [topic = std::string(topic), value = std::move(value)](
                                          broker::Shard& shard, broker::Instant now) {
    shard.publish_sys(topic, value, true, now);
  });
}

template <typename Source>
void Server::publish_table(const broker::FigureTable<Source>& table, const Source& source,
                           std::string_view item) {
  broker::for_each_topic(table, source, item, [this](std::string_view topic, std::string payload) {
    publish(concat({"$SYS/broker/", topic}), std::move(payload));
  });
}

/// The figures that cost something to look at, or begin anew when they were.
void Server::look_at_figures() {
  ProcessFigures& process = sight_.process;
  process.heap_bytes = heap_bytes();
  process.heap_max_bytes = std::max(process.heap_max_bytes, process.heap_bytes);
  sight_.loops = loops_->take_figures();
}

/// With the reports of the loops: waits until each has had a turn.
Sight Server::sight_of_all() {
  struct Reports {
    explicit Reports(std::uint32_t loops)
        : left(static_cast<std::ptrdiff_t>(loops)), of_loops(loops) {}
    std::latch left;
    std::vector<transport::LoopReport> of_loops;  // each written by its loop
  };
  const auto reports = std::make_shared<Reports>(loops_->count());
  loops_->ask_reports([reports](broker::ShardIndex loop, const transport::LoopReport& report) {
    reports->of_loops[static_cast<std::uint32_t>(loop)] = report;
    reports->left.count_down();
  });
  reports->left.wait();
  Sight sight = figures_now();
  for (const transport::LoopReport& report : reports->of_loops) sight.add(report);
  return sight;
}

/// Figures that are dear to read are as old as those in $SYS.
Sight Server::figures_now() {
  if (active_.settings.sys_interval_seconds == 0) look_at_figures();
  ProcessFigures& process = sight_.process;
  process.log_lines_dropped = log_.lines_dropped();
  process.resident_bytes = resident_bytes();
  process.open_files = open_files();
  process.mail_waiting = loops_->mail_waiting();
  sight_.broker.uptime_seconds =
      (transport::Loops::now().milliseconds - sight_.started.milliseconds) / 1000;
  Sight sight = sight_;
  sight.faults = faults();
  sight.logins = login_service_.figures();
  if (store_service_ != nullptr) sight.store = store_service_->figures();
  sight.bridges = bridges_.figures();
  if (cluster_ != nullptr) {
    sight.cluster = cluster_->figures();
    sight.cluster_view = cluster_->view();
  }
  // Two listeners may have the same port: the certificate that ends first counts.
  certificates_.for_each_figures([&](std::string_view port, const CertificateFigures& figures) {
    const auto [place, added] = sight.certificates.try_emplace(std::string(port), figures);
    if (!added && figures.ends < place->second.ends) place->second = figures;
  });
  return sight;
}

std::vector<std::string> Server::faults() const {
  std::vector<std::string> faults;
  if (store_service_ != nullptr && store_service_->figures().failing) {
    faults.push_back(
        concat({"The store cannot be written: ", store_service_->figures().error, "."}));
  }
  for (const auto& listener : listeners_.listeners()) {
    if (!listener->sockets().empty()) continue;
    faults.push_back(concat({"The listener on ", listener->name(), " is not open."}));
  }
  return faults;
}

void Server::publish_figures() {
  look_at_figures();
  sight_.process.log_lines_dropped = log_.lines_dropped();
  publish_table(process_figures(), sight_.process);
  publish_table(transport::loop_figures(), sight_.loops);
  publish_table(auth::login_figures(), login_service_.figures());
  if (store_service_ != nullptr)
    publish_table(persistence::store_figures(), store_service_->figures());
  certificates_.for_each_figures([this](std::string_view port, const CertificateFigures& figures) {
    publish_table(certificate_figures(), figures, port);
  });
  for (const auto& [name, figures] : bridges_.figures()) {
    if (name.find_first_of("+#") == name.npos) publish_table(bridge_figures(), figures, name);
  }
  if (cluster_ != nullptr) publish_table(cluster_figures(), cluster_->figures());
}

}  // namespace server
