#include "broker/server/start_lines.h"

#include <algorithm>
#include <string>

#include "broker/core/text.h"

namespace server {
namespace {

using broker::concat;
using broker::Event;
using broker::LogType;

}  // namespace

void say_how_it_starts(broker::Log& log, const ActiveConfiguration& active,
                       const std::vector<std::shared_ptr<const auth::Realm>>& realms) {
  note_life(log, Event::broker_starting, "starting");
  const std::string& file = active.command_line.config_file;
  log.write_event(
      LogType::information, {.event = Event::broker_starting},
      file.empty() ? "Using default config." : concat({"Config loaded from ", file, "."}));
  for (const conf::Diagnostic& remark : active.settings.remarks) {
    const bool warns = remark.severity == conf::Severity::warning;
    log.write_event(
        warns ? LogType::warning : LogType::notice, {.event = Event::configuration_warning},
        concat({warns ? "Warning: " : "Notice: ", conf::format_without_severity(remark)}));
  }
  for (const std::string& warning : LoginService::warnings(active.settings, realms)) {
    warn_of_configuration(log, warning);
  }
  if (std::ranges::any_of(active.settings.listeners, [](const conf::Listener& listener) {
        return listener.loopback_only && listener.protocol != conf::Protocol::http;
      })) {
    log.write_event(
        LogType::information, {.event = Event::broker_starting},
        "Starting in local only mode: only this machine can connect, since the configuration "
        "has no listener.");
  }
  log.write_event(LogType::information, {.event = Event::broker_starting},
                  concat({"Open files limit: ", std::to_string(active.open_files_max), "."}));
}

void warn_of_configuration(broker::Log& log, std::string_view sentence) {
  log.write_event(LogType::warning, {.event = Event::configuration_warning},
                  concat({"Warning: ", sentence}));
}

void note_life(broker::Log& log, Event event, std::string_view change) {
  log.write_event(LogType::information, {.event = event},
                  concat({"darter version ", DARTER_VERSION, " ", change}));
}

}  // namespace server
