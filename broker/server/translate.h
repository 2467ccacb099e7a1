// broker/server/translate.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "auth/realm_options.h"
#include "broker/core/journal.h"
#include "broker/core/limits.h"
#include "conf/settings.h"
#include "transport/options.h"

namespace server {

/// The options of each part of the broker, made from the one configuration.
///
/// Shape      The n-th listener of the settings is the n-th everywhere.
[[nodiscard]] broker::Limits limits_of(const conf::Settings& settings);
[[nodiscard]] broker::ListenerPolicy policy_of(const conf::Listener& listener);
/// The rules of this broker's own bridges: no login, no access list, no limit on clients.
[[nodiscard]] broker::ListenerPolicy bridge_policy();
[[nodiscard]] transport::Protocol protocol_of(const conf::Listener& listener) noexcept;
[[nodiscard]] transport::ListenerOptions listener_options_of(const conf::Settings& settings,
                                                             std::uint16_t index);
/// Requires  A listener with TLS.
[[nodiscard]] transport::TlsOptions tls_options_of(const conf::Settings& settings,
                                                   const conf::Listener& listener);
[[nodiscard]] transport::LoopOptions loop_options_of(const conf::Settings& settings,
                                                     std::uint64_t open_files_max);
[[nodiscard]] auth::RealmOptions realm_options_of(const conf::Settings& settings,
                                                  const conf::Listener& listener);

/// The path of the store: "" if nothing is stored. And that of Mosquitto's file beside it: "" if
/// there can be none, because the store has its name. Depends on the existing file: a
/// persistence_file of a name of its own is the store, unless it is Mosquitto's; then the store is
/// NAME.darter beside it.
struct StorePaths {
  std::string store;
  std::string mosquitto;
};
[[nodiscard]] StorePaths store_paths_of(const conf::Settings& settings);
[[nodiscard]] broker::Durability durability_of(const conf::Settings& settings);

/// Files that the broker opens for itself, clients aside.
[[nodiscard]] std::size_t open_files_needed(const conf::Settings& settings);

/// Threads to start: the option, or one for each core; at most broker::Interest::shards_max.
[[nodiscard]] std::uint32_t thread_count(const conf::Settings& settings);

}  // namespace server
