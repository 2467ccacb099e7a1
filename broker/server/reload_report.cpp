#include "broker/server/reload_report.h"

#include <algorithm>
#include <string_view>

#include "broker/core/text.h"

namespace server {
namespace {

using broker::concat;

constexpr std::size_t details_max = 20;

void add_count(std::vector<std::string>& parts, std::size_t count, std::string_view noun,
               std::string_view what) {
  if (count == 0) return;
  parts.push_back(concat({std::to_string(count), " ", noun, count == 1 ? "" : "s", " ", what}));
}

/// "listener 8883 added", "listeners 1884 and 8883 added"
void add_names(std::vector<std::string>& parts, const std::vector<std::string>& names,
               std::string_view noun, std::string_view what) {
  if (names.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " and " : ", ";
    list += names[i];
  }
  parts.push_back(concat({noun, names.size() == 1 ? " " : "s ", list, " ", what}));
}

std::string headline(const ReloadReport& report) {
  std::vector<std::string> parts;
  add_count(parts, report.options.size(), "option", "changed");
  add_names(parts, report.listeners_added, "listener", "added");
  add_names(parts, report.listeners_changed, "listener", "changed");
  add_names(parts, report.listeners_removed, "listener", "removed");
  add_names(parts, report.bridges.added, "bridge", "added");
  add_names(parts, report.bridges.changed, "bridge", "changed");
  add_names(parts, report.bridges.removed, "bridge", "removed");
  add_count(parts, report.users_added, "user", "added");
  add_count(parts, report.users_removed, "user", "removed");
  add_count(parts, report.users_changed, "password", "changed");
  if (report.access_changed) parts.emplace_back("access rules changed");
  if (report.certificates_changed) parts.emplace_back("certificates or keys changed");
  add_count(parts, report.clients_dropped, "client", "dropped");
  if (parts.empty()) return "Reloaded: nothing changed. Log files were opened again.";
  std::string text = "Reloaded: ";
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? ", " : "") + parts[i];
  return text + ".";
}

void add_details(std::vector<std::string>& lines, const std::vector<std::string>& details) {
  const std::size_t shown = std::min(details.size(), details_max);
  for (std::size_t i = 0; i < shown; ++i) lines.push_back("  " + details[i]);
  if (shown < details.size()) {
    lines.push_back(concat({"  and ", std::to_string(details.size() - shown), " more"}));
  }
}

}  // namespace

std::vector<std::string> lines_of(const ReloadReport& report) {
  std::vector<std::string> lines;
  if (report.refused()) {
    lines.emplace_back("Reload refused, nothing has changed:");
    add_details(lines, report.errors);
    return lines;
  }
  lines.push_back(headline(report));
  add_details(lines, report.options);
  if (!report.listeners_removed.empty()) {
    lines.emplace_back("Clients that came in by a listener that was removed stay connected.");
  }
  if (!report.need_restart.empty()) {
    lines.push_back(report.need_restart.size() == 1 ? "This one needs a restart:"
                                                    : "These need a restart:");
    add_details(lines, report.need_restart);
  }
  for (const std::string& warning : report.warnings) lines.push_back(warning);
  return lines;
}

}  // namespace server
