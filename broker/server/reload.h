// broker/server/reload.h
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "auth/authenticator.h"
#include "broker/core/login_change.h"
#include "broker/server/active_configuration.h"
#include "broker/server/bridge_set.h"
#include "broker/server/certificates.h"
#include "broker/server/component_options.h"
#include "broker/server/http/admins.h"
#include "broker/server/listener_set.h"
#include "broker/server/log_writer.h"
#include "broker/server/login_service.h"
#include "broker/server/memory_watch.h"
#include "broker/server/reload_report.h"
#include "transport/loops.h"

namespace server {

/// Reads the configuration and every file that it names again, and puts it in force: all of it, or
/// nothing.
///
/// Order      All that can fail comes first and changes nothing: files are read, log files and new
///            ports are opened. Then nothing can fail: users first, so that each client that
///            connects from then on is judged by the new ones; then limits and listeners of every
///            shard, so that no connection can name a listener that a shard does not know; then the
///            ports; then the walk over the sessions, a slice a turn, for the clients to dismiss.
/// Threads    The main thread, which waits for the loops: reloads come one after the other.
class Reload {
 public:
  /// The parts of the broker that a reload changes.
  struct Parts {
    LogWriter& log;
    LoginService& login_service;
    Certificates& certificates;
    MemoryWatch& memory;
    ListenerSet& listeners;
    BridgeSet& bridges;
    transport::Loops& loops;
    Admins& admins;
  };

  Reload(ActiveConfiguration& active, const Parts& parts) : active_(active), parts_(parts) {}

  [[nodiscard]] ReloadReport run();

 private:
  /// All that is new, and not in force yet.
  struct Prepared {
    conf::Configuration configuration;
    ComponentOptions configured;
    LogWriter::Prepared log;
    ListenerSet::Staged staged;
    BridgeSet::Prepared bridges;
  };
  using Errors = std::vector<std::string>;

  [[nodiscard]] std::expected<Prepared, Errors> prepare() const;
  /// Reads and opens the files that the settings name. Adds the failures to `errors`.
  void open_files(Prepared& prepared, Errors& errors) const;
  void report_options(const Prepared& prepared, ReloadReport& report) const;
  [[nodiscard]] ReloadReport commit(Prepared prepared);
  void reconfigure_shards(const broker::ShardChange& change);
  [[nodiscard]] std::uint64_t sweep(const std::vector<auth::RealmChange>& changes);

  ActiveConfiguration& active_;
  Parts parts_;
};

}  // namespace server
