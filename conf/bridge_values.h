#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/bridge_settings.h"

namespace conf {

/// Values of a bridge's options that have parts of their own. Each text is a value without blanks
/// at its ends.
///
/// Errors     The end of a sentence whose subject is the option: "has the direction 'up'; ...".
/// Source     mosquitto.conf(5), "Configuring Bridges".

/// `PATTERN [DIRECTION [QOS [LOCAL [REMOTE]]]]`. A word behind the direction that begins with '#'
/// begins a comment, as Mosquitto has it.
[[nodiscard]] std::expected<BridgeTopic, std::string> parse_bridge_topic(std::string_view text);

/// `HOST[:PORT] ...`; an IPv6 address has a port, or stands in brackets. Or URLs: mqtt, mqtts, ws
/// and wss with `://HOST[:PORT][/PATH]`, `unix:PATH`.
[[nodiscard]] std::expected<std::vector<BridgeAddress>, std::string> parse_bridge_addresses(
    std::string_view text);

/// Whole numbers, separated by blanks. Nothing if one is none, or too large for 32 bits.
[[nodiscard]] std::vector<std::uint32_t> parse_numbers(std::string_view text);

}  // namespace conf
