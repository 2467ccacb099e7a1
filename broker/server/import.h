// broker/server/import.h
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/access.h"
#include "broker/core/log.h"
#include "conf/settings.h"
#include "persistence/store.h"

namespace auth {
class Realm;
}

namespace server {

/// When mosquitto.db was written last, if that was after the store was. To be asked before the
/// store is opened.
[[nodiscard]] std::optional<std::int64_t> newer_mosquitto_file(const conf::Settings& settings);

/// At the start: imports the file that Mosquitto left at the persistence location, once. The store
/// remembers that it was done; the file stays as it is.
///
/// A file that cannot be read or is damaged is one line of error, and the broker starts without
/// it; with persistence_damaged refuse it does not start. A store that takes the place of a damaged
/// one imports nothing: the damaged one was newer. If the file was written after the store, as
/// `newer_file` says, Mosquitto ran in between: that is warned about, at each start.
///
/// Errors    One sentence.
[[nodiscard]] std::expected<void, std::string> move_in(persistence::Store& store,
                                                       const conf::Settings& settings,
                                                       const broker::Authority& authority,
                                                       std::optional<std::int64_t> newer_file,
                                                       broker::Log& log);

/// darter --import: brings a file into the configured store, telling the terminal how far it is.
///
/// Returns   The exit status.
[[nodiscard]] int import_by_hand(const conf::Settings& settings,
                                 std::vector<std::shared_ptr<const auth::Realm>> realms,
                                 const std::string& path);

}  // namespace server
