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

void log_timestamp_format(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto& text = std::get<std::string>(value);
  settings.log.timestamp_format = text == "seconds" ? "" : text;
}

void log_format(Settings& settings, Listener& /*listener*/, const Value& value) {
  const bool json = std::get<std::string>(value) == "json";
  settings.log.format = json ? LogFormat::json : LogFormat::text;
}

void log_journal(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto& text = std::get<std::string>(value);
  settings.log.journal = text == "plain"      ? LogJournal::plain
                         : text == "priority" ? LogJournal::priority
                                              : LogJournal::without_time;
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
     .default_text = "iso",
     .mosquitto_default = "auto",
     .example = "%Y-%m-%dT%H:%M:%S",
     .help = "How the time is written: seconds since 1970; iso, as 2026-11-30T13:57:44.123+01:00 "
             "in the time zone of the process; auto, iso on a terminal and seconds elsewhere; or a "
             "format that strftime takes. log_format json has its own.",
     .apply = log_timestamp_format},
    {.name = "log_format",
     .type = Type::choice,
     .choices = "text json",
     .default_text = "text",
     .help =
         "text is Mosquitto's form: the time, a colon and a sentence. json is an object in each "
         "line, for all destinations. Its members, always in this order: time (RFC 3339 with "
         "milliseconds in UTC; log_timestamp false leaves it out), level (the word of log_type), "
         "event (a name that stays the same; 'darter explain' lists all and 'darter explain EVENT' "
         "says what it means and what to do; message: none of them), client (its identifier), user "
         "(its name), address and port (of the client itself, where a proxy names it), listener "
         "(1883, 127.0.0.1:1883, or the path of a unix socket), reason_code (a number of MQTT "
         "5.0), message (the sentence "
         "of text). A member that is not known is left out; others may be added. The texts of "
         "clients have 200 bytes at most, bytes that are no UTF-8 become U+FFFD, and a line has "
         "4000 bytes at most.",
     .apply = log_format},
    {.name = "log_journal",
     .type = Type::choice,
     .choices = "plain priority without_time",
     .default_text = "without_time",
     .mosquitto_default = "priority",
     .help = "Under systemd, on a standard stream that the journal reads: priority puts a priority "
             "in front of each line, which the journal takes off and keeps (journalctl -p "
             "warning); without_time leaves out the time of the line as well, for the journal has "
             "its own; plain writes lines as elsewhere.",
     .apply = log_journal},
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
