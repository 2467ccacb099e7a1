#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "broker/core/log.h"
#include "conf/option_rows.h"

namespace conf {
namespace {

using broker::LogType;

struct NamedLogType {
  std::string_view name;
  LogType type;
};

constexpr std::array<NamedLogType, 9> log_types = {{{"debug", LogType::debug},
                                                    {"error", LogType::error},
                                                    {"warning", LogType::warning},
                                                    {"notice", LogType::notice},
                                                    {"information", LogType::information},
                                                    {"subscribe", LogType::subscribe},
                                                    {"unsubscribe", LogType::unsubscribe},
                                                    {"websockets", LogType::websockets},
                                                    {"internal", LogType::internal}}};

struct NamedDestination {
  std::string_view name;
  LogDestinationKind kind;
};

constexpr std::array<NamedDestination, 4> named_destinations = {
    {{"stdout", LogDestinationKind::standard_output},
     {"stderr", LogDestinationKind::standard_error},
     {"syslog", LogDestinationKind::syslog},
     {"topic", LogDestinationKind::topic}}};

/// Adds one kind of lines; `none` takes all away, `all` adds every kind.
void log_type(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto& name = std::get<std::string>(value);
  if (name == "none") settings.log.types = 0;
  for (const NamedLogType& each : log_types) {
    if (name == "all" || name == each.name) {
      settings.log.types |= static_cast<std::uint32_t>(each.type);
    }
  }
}

/// Adds one destination, once; `none` takes all away.
void log_dest(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto& text = std::get<std::string>(value);
  auto& chosen = settings.log.destinations;
  if (text == "none") chosen.clear();
  constexpr std::string_view file = "file ";
  LogDestination destination{.kind = LogDestinationKind::file, .path = {}};
  if (text.starts_with(file)) {
    destination.path = text.substr(file.size());
  } else {
    const auto* const found =
        std::find_if(named_destinations.begin(), named_destinations.end(),
                     [&](const NamedDestination& each) { return each.name == text; });
    if (found == named_destinations.end()) return;
    destination.kind = found->kind;
  }
  if (std::find(chosen.begin(), chosen.end(), destination) == chosen.end()) {
    chosen.push_back(destination);
  }
}

constexpr auto logging_rows = std::to_array<Option>({
    {.name = "log_dest",
     .type = Type::log_destination,
     .choices = "none stdout stderr syslog topic",
     .later_choices = "dlt",
     .repeated = true,
     .default_text = "stderr",
     .help = "Where log lines go; topic is $SYS/broker/log/..., none takes back what stood before. "
             "Lines that are not read in time are dropped and counted ($SYS/broker/log/dropped). A "
             "file that was renamed or deleted is opened again within ten seconds.",
     .apply = log_dest},
    {.name = "log_type",
     .type = Type::choice,
     .choices = "debug error warning notice information subscribe unsubscribe websockets internal "
                "none all",
     .repeated = true,
     .default_text = "error warning notice information",
     .help = "Which kinds of lines are logged. The arguments -v and -q win.",
     .apply = log_type},
    {.name = "log_timestamp",
     .type = Type::flag,
     .default_text = "true",
     .help = "Put the time before each log line.",
     .apply = to_log<&LogSettings::timestamp>},
    {.name = "log_timestamp_format",
     .example = "%Y-%m-%dT%H:%M:%S",
     .help = "How the time is written, as strftime takes it; seconds since 1970 by default.",
     .apply = to_log<&LogSettings::timestamp_format>},
    {.name = "log_facility",
     .type = Type::integer,
     .maximum = 7,
     .example = "3",
     .help = "Log to the syslog facility local0 to local7; daemon by default.",
     .apply = to_log<&LogSettings::facility>},
    {.name = "connection_messages",
     .type = Type::flag,
     .default_text = "true",
     .help = "Log clients that connect and disconnect.",
     .apply = to_log<&LogSettings::connection_messages>},
});

}  // namespace

std::span<const Option> logging_option_rows() { return logging_rows; }

}  // namespace conf
