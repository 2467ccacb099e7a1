#include "conf/devices.h"

#include <cerrno>
#include <memory>
#include <net/if.h>
#include <string>
#include <variant>

namespace conf {
namespace {

/// Only an answer counts: without one, opening the listener will tell.
bool is_missing(const std::string& name) {
  errno = 0;
  return ::if_nametoindex(name.c_str()) == 0 && errno == ENODEV;
}

/// "eth0, lo"
std::string devices_here() {
  std::string list;
  const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> all(
      ::if_nameindex(), &::if_freenameindex);
  if (all == nullptr) return list;
  for (const struct if_nameindex* each = all.get(); each->if_name != nullptr; ++each) {
    list += (list.empty() ? "" : ", ") + std::string(each->if_name);
  }
  return list;
}

void add_if_missing_device(const std::vector<Entry>& entries, Diagnostics& missing) {
  const Entry* entry = find_entry(entries, "bind_interface");
  if (entry == nullptr) return;
  const auto& name = std::get<std::string>(entry->value);
  if (!is_missing(name)) return;
  missing.push_back({.severity = Severity::error,
                     .file = entry->place.file,
                     .line = entry->place.line,
                     .text = "'bind_interface': this machine has no network device '" + name +
                             "'; it has " + devices_here()});
}

}  // namespace

Diagnostics missing_devices(const Source& source) {
  Diagnostics missing;
  add_if_missing_device(source.default_listener, missing);
  for (const ListenerSource& each : source.listeners) add_if_missing_device(each.entries, missing);
  return missing;
}

}  // namespace conf
