#include "tools/darter-client/option_values.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <utility>

#include "broker/wire/topic.h"
#include "broker/wire/utf8.h"
#include "tools/darter-client/input.h"
#include "tools/darter-client/number.h"
#include "tools/darter-client/url.h"

namespace shell::values {
namespace {

/// Checks the topic or filter that `option` gives.
///
/// `what`: how it is called in the error; `advice`: the end of the error.
template <typename Check>
Fault topic_fault(const std::string& value, std::string_view option, Check&& check,
                  std::string_view what, std::string_view advice) {
  if (!mqtt::is_utf8_string(value)) {
    return fault_lines("Malformed UTF-8 in " + std::string(option) + " argument.");
  }
  if (value.size() <= mqtt::text_bytes_max && check(value)) return std::nullopt;
  return fault_line("Invalid " + std::string(what) + " '" + value + "', " + std::string(advice));
}

constexpr std::string_view name_advice = "does it contain '+' or '#'?";
constexpr std::string_view filter_advice = "are all '+' and '#' wildcards correct?";

bool is_name(std::string_view text) { return mqtt::check_topic_name(text).has_value(); }
bool is_filter(std::string_view text) { return mqtt::check_topic_filter(text).has_value(); }
bool is_subscription(std::string_view text) {
  return is_filter(text) && mqtt::parse_shared(text).has_value();
}

Fault add_topic(Settings& settings, const std::string& value, std::string_view option) {
  if (settings.tool == Tool::sub) {
    auto fault = topic_fault(value, option, is_subscription, "subscription topic", filter_advice);
    if (!fault) settings.topics.push_back(value);
    return fault;
  }
  auto fault = topic_fault(value, option, is_name, "publish topic", name_advice);
  if (!fault) settings.topic = value;
  return fault;
}

std::optional<std::int64_t> number_within(const std::string& value, std::int64_t least,
                                          std::int64_t most) {
  const auto number = whole_number(value);
  if (!number || *number < least || *number > most) return std::nullopt;
  return number;
}

}  // namespace

Fault topic(Settings& settings, const std::string& value) {
  return add_topic(settings, value, "-t");
}

Fault url(Settings& settings, const std::string& value) {
  auto parsed = parse_url(value);
  if (!parsed) return std::move(parsed).error();
  if (parsed->topic) {
    if (auto fault = add_topic(settings, *parsed->topic, "-L topic")) return fault;
  }
  settings.reach.carrier = parsed->websockets ? Carrier::websockets : Carrier::plain;
  settings.reach.unix_path = parsed->unix_path;
  if (!parsed->host.empty()) settings.reach.host = parsed->host;
  settings.reach.port = parsed->port;
  if (parsed->secured) settings.security.os_store = true;
  if (parsed->user_name) settings.user_name = parsed->user_name;
  if (parsed->password) settings.password = parsed->password;
  return std::nullopt;
}

Fault response_topic(Settings& settings, const std::string& value) {
  auto fault = topic_fault(value, "-e", is_name, "response topic", name_advice);
  if (!fault) settings.response_topic = value;
  return fault;
}

Fault filter_out(Settings& settings, const std::string& value) {
  auto fault = topic_fault(value, "-T", is_filter, "filter topic", filter_advice);
  if (!fault) settings.filter_outs.push_back(value);
  return fault;
}

Fault unsubscribe(Settings& settings, const std::string& value) {
  auto fault = topic_fault(value, "-U", is_filter, "unsubscribe topic", filter_advice);
  if (!fault) settings.unsubscribe_topics.push_back(value);
  return fault;
}

Fault will_topic(Settings& settings, const std::string& value) {
  auto fault = topic_fault(value, "--will-topic", is_name, "will topic", name_advice);
  if (!fault) settings.will.topic = value;
  return fault;
}

Fault client_id(Settings& settings, const std::string& value) {
  if (settings.client_id_prefix) return fault_lines("-i and -I argument cannot be used together.");
  settings.client_id = value;
  return std::nullopt;
}

Fault client_id_prefix(Settings& settings, const std::string& value) {
  if (settings.client_id) return fault_lines("-i and -I argument cannot be used together.");
  settings.client_id_prefix = value;
  return std::nullopt;
}

Fault password_file(Settings& settings, const std::string& value) {
  auto read = read_password_file(value);
  if (!read) return fault_lines(read.error());
  settings.password = std::move(*read);
  return std::nullopt;
}

Fault password_descriptor(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 0, std::numeric_limits<int>::max());
  if (!number) return fault_lines("--pw-fd takes the number of an open descriptor, not " + value);
  auto read = read_password_descriptor(static_cast<int>(*number));
  if (!read) return fault_lines(read.error());
  settings.password = std::move(*read);
  return std::nullopt;
}

Fault protocol(Settings& settings, const std::string& value) {
  if (value == "websockets") {
    settings.reach.carrier = Carrier::websockets;
  } else if (value == "mqtt") {
    settings.reach.carrier = Carrier::plain;
  } else {
    return fault_lines("Unknown protocol '" + value + "'; known are mqtt and websockets.");
  }
  return std::nullopt;
}

Fault protocol_version(Settings& settings, const std::string& value) {
  if (value == "mqttv31" || value == "31") {
    settings.version = mqtt::Version::v3_1;
  } else if (value == "mqttv311" || value == "311") {
    settings.version = mqtt::Version::v3_1_1;
  } else if (value == "mqttv5" || value == "5") {
    settings.version = mqtt::Version::v5_0;
  } else {
    return fault_lines("Invalid protocol version argument given.");
  }
  return std::nullopt;
}

Fault port(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 1, 65'535);
  if (!number) return fault_line("Invalid port given: " + value);
  settings.reach.port = static_cast<std::uint16_t>(*number);
  return std::nullopt;
}

Fault ws_path(Settings& settings, const std::string& value) {
  const bool printable = std::ranges::all_of(value, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!value.starts_with('/') || !printable) {
    return fault_lines("Invalid path '" + value + "' for --ws-path: it begins with '/', and has " +
                       "no blanks (write %20 for one).");
  }
  settings.reach.ws_path = value;
  return std::nullopt;
}

Fault ws_header(Settings& settings, const std::string& value) {
  const auto colon = value.find(':');
  const bool has_line_end = value.find_first_of("\r\n") != std::string::npos;
  if (colon == 0 || colon == std::string::npos || has_line_end ||
      value.substr(0, colon).contains(' ')) {
    return fault_lines("Invalid header '" + value + "' for --ws-header: it is \"Name: value\".");
  }
  settings.reach.ws_headers.push_back(value);
  return std::nullopt;
}

Fault keep_alive(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 5, 65'535);
  if (!number) {
    return fault_lines("Invalid keepalive given, it must be between 5 and 65535 inclusive.");
  }
  settings.keep_alive_seconds = static_cast<std::uint16_t>(*number);
  return std::nullopt;
}

Fault session_expiry(Settings& settings, const std::string& value) {
  constexpr std::int64_t never = std::numeric_limits<std::uint32_t>::max();
  // In bases 8 and 16 it is a number, too.
  char* end = nullptr;
  const long long number = value == "∞" ? never : std::strtoll(value.c_str(), &end, 0);
  if (end != nullptr && (end == value.c_str() || *end != '\0')) {
    return fault_lines("session-expiry-interval not a number.");
  }
  if (number < -1 || number > never) return fault_lines("session-expiry-interval out of range.");
  settings.session_expiry_seconds = static_cast<std::uint32_t>(number == -1 ? never : number);
  settings.version = mqtt::Version::v5_0;
  return std::nullopt;
}

Fault qos(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 0, 2);
  if (!number) return fault_line("Invalid QoS given: " + value);
  settings.qos = static_cast<std::uint8_t>(*number);
  return std::nullopt;
}

Fault will_qos(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 0, 2);
  if (!number) return fault_lines("Invalid will QoS " + value + ".");
  settings.will.qos = static_cast<std::uint8_t>(*number);
  return std::nullopt;
}

Fault inflight_max(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 1, std::numeric_limits<int>::max());
  if (!number) return fault_lines("Maximum inflight messages must be greater than 0.");
  settings.inflight_max = static_cast<std::uint16_t>(std::min<std::int64_t>(*number, 65'535));
  return std::nullopt;
}

Fault message_count(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 1, std::numeric_limits<int>::max());
  if (!number) return fault_lines("Invalid message count \"" + value + "\".");
  settings.message_count = static_cast<int>(*number);
  return std::nullopt;
}

Fault timeout(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 1, std::numeric_limits<int>::max());
  if (!number) return fault_lines("Invalid timeout \"" + value + "\".");
  settings.timeout_seconds = static_cast<unsigned>(*number);
  return std::nullopt;
}

Fault repeat(Settings& settings, const std::string& value) {
  const auto number = number_within(value, 1, std::numeric_limits<int>::max());
  if (!number) return fault_lines("--repeat argument must be >0.");
  settings.repeat_count = static_cast<int>(*number);
  return std::nullopt;
}

Fault repeat_delay(Settings& settings, const std::string& value) {
  const auto seconds = decimal_number(value);
  constexpr double longest_seconds = 1e9;
  if (!seconds || *seconds < 0 || *seconds > longest_seconds) {
    return fault_lines("--repeat-delay argument must be >=0.0.");
  }
  settings.repeat_delay_milliseconds = std::llround(*seconds * 1000);
  return std::nullopt;
}

Fault random_filter(Settings& settings, const std::string& value) {
  const auto percent = decimal_number(value);
  // In Mosquitto's tools 100.0 is 1000 of ten thousand; here it is all of them.
  if (!percent || *percent < 0.1 || *percent > 100.0) {
    return fault_lines("--random-filter chance must be between 0.1-100.0");
  }
  settings.random_filter = static_cast<int>(std::lround(*percent * 100));
  return std::nullopt;
}

Fault retain_handling(Settings& settings, const std::string& value) {
  if (value == "always") {
    settings.retain_handling = mqtt::RetainHandling::send;
  } else if (value == "new") {
    settings.retain_handling = mqtt::RetainHandling::send_if_new;
  } else if (value == "never") {
    settings.retain_handling = mqtt::RetainHandling::do_not_send;
  } else {
    return fault_lines("Unknown value '" + value + "' for --retain-handling.");
  }
  return std::nullopt;
}

Fault format(Settings& settings, const std::string& value) {
  auto parsed = Format::parse(value);
  if (!parsed) return std::move(parsed).error();
  settings.format = std::move(*parsed);
  return std::nullopt;
}

Fault source(Settings& settings, Source source, const std::string& value) {
  if (settings.source != Source::none) {
    return fault_lines("Only one type of message can be sent at once.");
  }
  settings.source = source;
  settings.message = value;
  return std::nullopt;
}

}  // namespace shell::values
