#pragma once

#include <string>

#include "tools/darter-client/options.h"

/// How options with a value of their own form change the settings; the rest of them only keep it.
namespace shell::values {

[[nodiscard]] Fault url(Settings& settings, const std::string& value);
[[nodiscard]] Fault topic(Settings& settings, const std::string& value);
[[nodiscard]] Fault response_topic(Settings& settings, const std::string& value);
[[nodiscard]] Fault filter_out(Settings& settings, const std::string& value);
[[nodiscard]] Fault unsubscribe(Settings& settings, const std::string& value);
[[nodiscard]] Fault will_topic(Settings& settings, const std::string& value);
[[nodiscard]] Fault client_id(Settings& settings, const std::string& value);
[[nodiscard]] Fault client_id_prefix(Settings& settings, const std::string& value);
[[nodiscard]] Fault password_file(Settings& settings, const std::string& value);
[[nodiscard]] Fault password_descriptor(Settings& settings, const std::string& value);
[[nodiscard]] Fault protocol(Settings& settings, const std::string& value);
[[nodiscard]] Fault protocol_version(Settings& settings, const std::string& value);
[[nodiscard]] Fault port(Settings& settings, const std::string& value);
[[nodiscard]] Fault ws_path(Settings& settings, const std::string& value);
[[nodiscard]] Fault ws_header(Settings& settings, const std::string& value);
[[nodiscard]] Fault keep_alive(Settings& settings, const std::string& value);
[[nodiscard]] Fault session_expiry(Settings& settings, const std::string& value);
[[nodiscard]] Fault qos(Settings& settings, const std::string& value);
[[nodiscard]] Fault will_qos(Settings& settings, const std::string& value);
[[nodiscard]] Fault inflight_max(Settings& settings, const std::string& value);
[[nodiscard]] Fault message_count(Settings& settings, const std::string& value);
[[nodiscard]] Fault timeout(Settings& settings, const std::string& value);
[[nodiscard]] Fault repeat(Settings& settings, const std::string& value);
[[nodiscard]] Fault repeat_delay(Settings& settings, const std::string& value);
[[nodiscard]] Fault random_filter(Settings& settings, const std::string& value);
[[nodiscard]] Fault retain_handling(Settings& settings, const std::string& value);
[[nodiscard]] Fault format(Settings& settings, const std::string& value);
/// Sets the source of messages; there is one.
[[nodiscard]] Fault source(Settings& settings, Source source, const std::string& value);

}  // namespace shell::values
