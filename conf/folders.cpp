#include "conf/folders.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <variant>
#include <vector>

namespace conf {
namespace {

/// Why no file can be served from there; empty: they can.
std::string fault_of(const std::string& folder) {
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return std::strerror(errno);
  if (!S_ISDIR(status.st_mode)) return std::strerror(ENOTDIR);
  return ::access(folder.c_str(), X_OK) == 0 ? "" : std::strerror(errno);
}

void add_if_missing_folder(const std::vector<Entry>& entries, Diagnostics& missing) {
  const Entry* const entry = find_entry(entries, "http_dir");
  if (entry == nullptr) return;
  const auto& folder = std::get<std::string>(entry->value);
  std::string fault = fault_of(folder);
  if (fault.empty()) return;
  missing.push_back(
      {.severity = Severity::warning,
       .file = entry->place.file,
       .line = entry->place.line,
       .text = "'http_dir': no file can be served from '" + folder + "': " + std::move(fault)});
}

}  // namespace

Diagnostics missing_folders(const Source& source) {
  Diagnostics missing;
  add_if_missing_folder(source.default_listener, missing);
  for (const ListenerSource& each : source.listeners) add_if_missing_folder(each.entries, missing);
  return missing;
}

}  // namespace conf
