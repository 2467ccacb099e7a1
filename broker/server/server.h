// broker/server/server.h
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/server/activated_sockets.h"
#include "broker/server/active_configuration.h"
#include "broker/server/answers.h"
#include "broker/server/bridge_set.h"
#include "broker/server/certificates.h"
#include "broker/server/cluster/cluster_service.h"
#include "broker/server/control_socket.h"
#include "broker/server/figures.h"
#include "broker/server/listener_set.h"
#include "broker/server/log_writer.h"
#include "broker/server/login_service.h"
#include "broker/server/memory_watch.h"
#include "broker/server/process.h"
#include "broker/server/reload_report.h"
#include "broker/server/service_manager.h"
#include "broker/server/sight.h"
#include "broker/server/store_service.h"
#include "broker/shard.h"
#include "transport/descriptor.h"
#include "transport/loops.h"

namespace auth {
class Realm;
}

namespace server {

/// A broker that is configured, and runs from open() until stop(): all its parts, and the work of
/// the main thread.
///
/// Lifetime   `signals` is a signalfd of the signals that serve() handles.
/// Threads    The main thread.
class Server {
 public:
  using Realms = std::vector<std::shared_ptr<const auth::Realm>>;

  Server(ActiveConfiguration active, Realms realms, TlsContexts tls, transport::Descriptor signals,
         std::shared_ptr<Desk> desk)
      : active_(std::move(active)),
        secrets_{std::move(realms), std::move(tls)},
        signals_(std::move(signals)),
        log_(active_.settings.log),
        desk_(std::move(desk)),
        listeners_(log_, desk_),
        certificates_(active_.settings, listeners_, log_),
        commons_(thread_count(active_.settings)),
        memory_(active_.settings.memory_limit_bytes, commons_.memory, log_),
        service_manager_(log_),
        login_service_(secrets_.realms, log_) {}

  /// Opens listeners, gives up privileges and starts the loops.
  ///
  /// Errors    One sentence a line: why the broker cannot start.
  [[nodiscard]] std::expected<void, std::string> open(ActivatedSockets sockets);
  /// Serves until a signal ends it.
  void serve();
  void stop();
  LogWriter& log() { return log_; }

 private:
  [[nodiscard]] std::expected<void, std::string> open_listeners(ActivatedSockets sockets);
  [[nodiscard]] std::string status_text() const;
  [[nodiscard]] std::expected<void, std::string> open_store();
  /// Before there are shards: they tell it their filters.
  void open_cluster();
  [[nodiscard]] std::vector<broker::ShardOptions> shard_options(broker::TopicShares shares) const;
  [[nodiscard]] std::vector<std::string> unix_sockets() const;
  void open_control();
  void look_around();
  [[nodiscard]] std::int64_t wait_milliseconds() const;
  [[nodiscard]] std::int64_t look_milliseconds() const;
  /// Waits for signals and requests, for so long at most. Returns false if a signal ends it.
  [[nodiscard]] bool wait(std::int64_t milliseconds);
  ReloadReport reload();
  void look_at_figures();
  [[nodiscard]] Sight figures_now();
  [[nodiscard]] Sight sight_of_all();
  [[nodiscard]] std::vector<std::string> faults() const;
  void open_answers();
  [[nodiscard]] std::unique_ptr<Backups> backups() const;
  [[nodiscard]] ControlAnswer answer(const ControlQuestion& question);
  void publish_figures();
  template <typename Source>
  void publish_table(const broker::FigureTable<Source>& table, const Source& source,
                     std::string_view item = {});
  void publish(std::string_view topic, std::string value);

  ActiveConfiguration active_;
  /// Of the start, in the order of the settings; ListenerSet takes them.
  struct Secrets {
    Realms realms;
    TlsContexts tls;
  };
  Secrets secrets_;
  transport::Descriptor signals_;
  LogWriter log_;
  std::shared_ptr<Desk> desk_;
  ListenerSet listeners_;
  BridgeSet bridges_;
  Certificates certificates_;
  broker::Commons commons_;
  MemoryWatch memory_;
  ServiceManager service_manager_;
  PidFile pid_file_;
  ControlSocket control_;
  std::unique_ptr<ClusterService> cluster_;  // null: there is no cluster
  std::unique_ptr<transport::Loops> loops_;
  LoginService login_service_;  // its end answers every login that still waits for a hash
  std::unique_ptr<StoreService> store_service_;  // null: nothing is stored
  broker::Instant next_figures_;
  Sight sight_;                       // as it was looked at last; without reports of loops
  std::unique_ptr<Answers> answers_;  // null before the loops run
};

}  // namespace server
