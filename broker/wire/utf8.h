// broker/wire/utf8.h
#pragma once

#include <string_view>

namespace mqtt {

/// Is `text` well-formed UTF-8 that MQTT allows: no surrogates, no U+0000 [MQTT-1.5.4-1]
/// [MQTT-1.5.4-2] [MQTT3-1.5.3-1] [MQTT3-1.5.3-2]? Control characters and non-characters are let
/// through (they "should not" be sent); U+FEFF is kept [MQTT-1.5.4-3] [MQTT3-1.5.3-3]. Cost Eight
/// bytes a step while the text is ASCII.
[[nodiscard]] bool is_utf8_string(std::string_view text) noexcept;

}  // namespace mqtt
