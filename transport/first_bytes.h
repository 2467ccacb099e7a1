// transport/first_bytes.h
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/wire/bytes.h"

namespace transport {

/// The protocol that a client seems to speak, judged by the first bytes that it sent.
enum class FirstBytes : std::uint8_t { unknown, mqtt, http, tls, proxy };

/// Recognises a protocol. A few bytes are enough; with fewer the answer is unknown.
[[nodiscard]] FirstBytes recognise(mqtt::Bytes bytes) noexcept;

/// "a TLS handshake" and so on, for log lines.
[[nodiscard]] std::string_view describe(FirstBytes kind) noexcept;

}  // namespace transport
