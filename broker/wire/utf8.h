// broker/wire/utf8.h
#pragma once

#include <cstdint>
#include <string_view>

namespace mqtt {

/// The characters that are refused in texts of packets, beside those that MQTT forbids.
enum class TextRule : std::uint8_t {
  any,
  no_control_characters,  ///< nor non-characters: those that "should not" be sent (section 1.5.4)
};

/// Is `text` well-formed UTF-8 that MQTT allows: no surrogates, no U+0000 [MQTT-1.5.4-1]
/// [MQTT-1.5.4-2] [MQTT3-1.5.3-1] [MQTT3-1.5.3-2]? U+FEFF is kept [MQTT-1.5.4-3]
/// [MQTT3-1.5.3-3]. Cost Eight bytes a step while the text is ASCII.
[[nodiscard]] bool is_utf8_string(std::string_view text) noexcept;

/// Does `text` break the rule? Requires is_utf8_string(text).
///
/// Control characters are U+0001 to U+001F and U+007F to U+009F; non-characters U+FDD0 to U+FDEF
/// and the last two of each plane.
[[nodiscard]] bool breaks(TextRule rule, std::string_view text) noexcept;

}  // namespace mqtt
