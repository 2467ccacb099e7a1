// broker/server/file_access.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>

#include "conf/settings.h"

namespace server {

/// Checks that the right users may read the files that a configuration names, and gives the one
/// command that mends it.
///
/// Shape      The broker reads its files as root at the start, and as its own user at a reload. A
///            command names that user's group, so that a file that it closes to everybody stays
///            readable at the next reload.
/// Lifetime   A value. Remembers the user, not the files.
/// Threads    The main thread: it asks the user database.
class FileAccess {
 public:
  enum class Content : std::uint8_t { open, secret };

  explicit FileAccess(const conf::Settings& settings);

  /// Returns   Why the file cannot be used: this process may not read it, or it holds secrets that
  ///           everybody may read, and the settings refuse that. One sentence without its full
  ///           stop, "PATH: FAULT; run: COMMAND". Nothing for a file that can be used, and for one
  ///           that is missing or odd otherwise: reading it will tell.
  [[nodiscard]] std::optional<std::string> fault_of(const std::string& path, Content content) const;

  /// Returns   The same about secrets that everybody may read, where the settings allow that.
  [[nodiscard]] std::optional<std::string> warning_of(const std::string& path) const;

 private:
  [[nodiscard]] std::string denial_of(const std::string& path) const;
  [[nodiscard]] std::string command_for(const std::string& path) const;

  bool refuse_open_secrets_;
  bool is_root_;     // or the command needs root
  bool stays_root_;  // the reader can read everything
  uid_t reader_uid_;
  std::string reader_;  // the broker's user, for reads at a reload
  std::string group_;   // of that user
};

}  // namespace server
