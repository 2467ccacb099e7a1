// broker/server/reload_report.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace server {

/// The bridges that a reload changes, by name.
struct BridgeChanges {
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;
};

/// The changes of a reload; or why it changed nothing.
///
/// Shape      Either `errors`, and then nothing has changed; or all the rest.
struct ReloadReport {
  std::vector<std::string> errors;    // sentences, with file and line where there is one
  std::vector<std::string> warnings;  // about the new configuration

  std::vector<std::string> options;       // "max_keepalive: 0 -> 60", "listener 1883: max_qos: ..."
  std::vector<std::string> need_restart;  // the same for options that a reload leaves unchanged
  std::vector<std::string> listeners_added;
  std::vector<std::string> listeners_removed;
  std::vector<std::string> listeners_changed;
  BridgeChanges bridges;
  std::size_t users_added = 0;
  std::size_t users_removed = 0;
  std::size_t users_changed = 0;  // have another password
  bool access_changed = false;    // of an ACL file
  bool certificates_changed = false;
  std::uint64_t clients_dropped = 0;

  [[nodiscard]] bool refused() const noexcept { return !errors.empty(); }
};

/// The report as lines: the first says it all, the others are its details, and there are no more
/// than fit on a screen.
[[nodiscard]] std::vector<std::string> lines_of(const ReloadReport& report);

}  // namespace server
