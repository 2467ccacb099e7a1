// broker/trace/packet_text.h
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "broker/trace/packet_cutter.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace trace {

// Packets as text for people.
//
// Invariant  Passwords and authentication data are never shown, only whether they are there.
//            Payloads, wills' too, are shown if that is asked for, and cut. A text has at most
//            text_bytes_max bytes; bytes of clients that are not printable ASCII or sound UTF-8
//            stand as \xHH.
// Threads    None.

inline constexpr std::size_t text_bytes_max = 1000;

/// How a packet is to be read and shown.
struct View {
  mqtt::Version version = mqtt::Version::v3_1_1;
  mqtt::Side sent_by = mqtt::Side::client;
  bool payload = false;
};

/// "PUBLISH 'a/b', QoS 1, id 7, 5 bytes of payload (16 bytes)". A packet that no decoder takes is
/// named with the fault; one of which too much is missing by its size.
[[nodiscard]] std::string describe(const CutPacket& packet, const View& view);

/// The first of some bytes in hexadecimal: "16 03 01". At most 32; of a CONNECT no more than its
/// variable header, for a password may follow.
[[nodiscard]] std::string hex_of(mqtt::Bytes bytes);

/// Bytes as a quoted text, cut behind `bytes_max` of them: 'a\x00b'...
[[nodiscard]] std::string quoted(std::string_view text, std::size_t bytes_max = 200);

/// A text of at most `bytes_max` bytes: "..." stands for what was cut off. A character of UTF-8
/// stays whole.
[[nodiscard]] std::string cut_text(std::string text, std::size_t bytes_max);

}  // namespace trace
