// broker/server/component_options.h
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "auth/realm_options.h"
#include "broker/core/limits.h"
#include "conf/settings.h"
#include "transport/options.h"

namespace server {

/// The part of the component options that is about one listener.
struct ListenerComponentOptions {
  transport::ListenerOptions options;
  transport::TlsOptions tls;  // means nothing for one without TLS
  auth::RealmOptions realm;
  broker::ListenerPolicy policy;
  bool mosquitto_api = false;  // of Protocol::http: the paths of Mosquitto's API, and no others

  bool operator==(const ListenerComponentOptions&) const = default;
};

/// The options of each part of a running broker: all that a reload can change.
///
/// Invariant  An option takes part in reloads exactly if two settings that differ in it make
///            component options that differ; a test asks that of every row of the table of options.
struct ComponentOptions {
  broker::Limits limits;
  std::vector<ListenerComponentOptions> listeners;  // in the order of the settings
  transport::LoopOptions loops;
  conf::LogSettings log;
  std::vector<conf::BridgeSettings> bridges;
  std::string control_group;
  std::string admin_file;
  std::uint64_t memory_limit_bytes = 0;
  std::int64_t sys_interval_seconds = 0;
  std::int64_t tls_reload_interval_seconds = 0;

  bool operator==(const ComponentOptions&) const = default;
};

[[nodiscard]] ComponentOptions component_options_of(const conf::Settings& settings,
                                                    std::uint64_t open_files_max);

}  // namespace server
