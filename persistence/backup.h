// persistence/backup.h
#pragma once

#include <cstdint>
#include <cstdio>
#include <expected>
#include <functional>
#include <stop_token>
#include <string>

namespace persistence {

using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Copies a store into one complete file, at the state of one commit. A broker may have the store
/// open and continues to run: neither side waits for the other.
///
/// `stop`: ends it early, with an error.
/// Returns   The bytes of the copy. An existing file is replaced at the end, atomically.
/// Errors    One sentence. An existing file stays as it is.
/// Cost      The copy is written and read once; memory for some thousand pages. While it runs, the
///           broker's log cannot restart: it grows by the commits made meanwhile.
[[nodiscard]] std::expected<std::uint64_t, std::string> back_up(const std::string& path,
                                                                const std::string& target,
                                                                const Progress& progress,
                                                                const std::stop_token& stop = {});

/// Puts a copy in the place of a store that no process has open. Of a symbolic link to a store, as
/// above, the file that it leads to is meant.
///
/// `source`: open, so that it may be a file that only root can read. `source_name` is for errors.
/// Returns   The name under which the store that was there is kept; empty if there was none.
/// Errors    One sentence. The store stays as it is.
[[nodiscard]] std::expected<std::string, std::string> restore(const std::string& path,
                                                              std::FILE* source,
                                                              const std::string& source_name);

}  // namespace persistence
