#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/wire/bytes.h"

namespace cluster {

/// A run of a node: a random number whose lowest 16 bits are zero, so that a sender's number has
/// room for the shard.
enum class Incarnation : std::uint64_t {};

/// A source of messages: one shard of one run of a node. Its numbers rise in the order in which it
/// gives its messages to NATS; numbers of several shards would not.
enum class SenderId : std::uint64_t {};

[[nodiscard]] constexpr Incarnation incarnation_of(std::uint64_t random) noexcept {
  return Incarnation{random & ~std::uint64_t{0xFFFF}};
}
[[nodiscard]] constexpr SenderId sender_of(Incarnation run, broker::ShardIndex shard) noexcept {
  return SenderId{static_cast<std::uint64_t>(run) |
                  (static_cast<std::uint64_t>(shard) & std::uint64_t{0xFFFF})};
}
[[nodiscard]] constexpr Incarnation run_of(SenderId sender) noexcept {
  return incarnation_of(static_cast<std::uint64_t>(sender));
}

/// A message on its way from one node to the others, by core NATS.
///
/// Shape      The subject has the topic, see subject.h. The payload of NATS is
///              [version:1][flags:1][sender:8][number:8][expires][properties: text][topic: text]
///              [payload: all that is left]
///            in the form of broker/field_wire.h: integers are little-endian, a text is
///            [size:4][bytes], `expires` is [0] or [1][milliseconds left:8]. flags = QoS + 4 if
///            RETAIN. `topic` is empty, unless the topic is long. Example: "hi" to a topic that is
///            not long, QoS 1, no expiry, from shard 1 of run 0x0A0000, number 7:
///              01 01 | 01 00 0A 00 00 00 00 00 | 07 00 00 00 00 00 00 00 | 00
///              00 00 00 00 | 00 00 00 00 | 68 69
/// Invariant  Each envelope has one form: bytes that are decoded are encoded as they were (at the
///            same instant).
/// Time       An expiry crosses as the time that is left; its way does not count.
/// Trust      As broker/peer_wire.h: accepted bytes make a message that a shard may be given. The
///            topic is none that is each node's own ("$SYS"), or that no client may publish to.
/// Lifetime   decode(): the views point into the bytes of `payload` and of `topic`.
struct Envelope {
  broker::MessageView message;
  SenderId sender{};
  std::uint64_t number = 0;  // 1, 2, ... for each sender
};

inline constexpr std::uint8_t envelope_version = 1;

/// Bytes that an envelope adds to the message at most, its properties, topic and payload aside.
inline constexpr std::size_t envelope_bytes_max = 1 + 1 + 8 + 8 + 9 + 4 + 4;

/// Appends an envelope. `carries_topic`: the topic is a long one, subject_of_topic() says so.
///
/// Cost      Copies the payload.
void encode(const Envelope& envelope, bool carries_topic, broker::Instant now,
            mqtt::ByteBuffer& out);

/// `topic`: that of the subject; empty: the message came on the subject of long topics.
///
/// Errors    A static text that names the fault: "another version".
[[nodiscard]] std::expected<Envelope, std::string_view> decode(std::string_view topic,
                                                               mqtt::Bytes payload,
                                                               broker::Instant now);

}  // namespace cluster
