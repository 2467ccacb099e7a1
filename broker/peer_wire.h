// broker/peer_wire.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/peer.h"
#include "broker/wire/bytes.h"

namespace broker {

/// Peer messages as bytes, for peers that share no memory: another node, another process.
///
/// Shape      [size:4][version:1][kind:1][fields of that kind, in the order of peer.h]
///            `size` counts the bytes behind itself. Integers are little-endian and have the size
///            of their type, a flag is a byte of 0 or 1, a text is [size:4][bytes]. A message is
///              [qos:1][retain:1][topic: text][properties: text][payload: text][expires][key:8]
///            with expires = [0] or [1][milliseconds left:8]. A batch is [messages:4] and for each
///            [topic][properties][payload][expires]. Example, a Confirmed of request 7, depth 1:
///              13 00 00 00 | 01 08 | 07 00 00 00 00 00 00 00 | 00 00 00 00 00 00 00 00 | 01
/// Invariant  Each value has one form: bytes that are decoded are encoded as they were (at the same
///            instant). The form of a kind never changes within a version.
/// Versions   Each message has its version in front, so that it can be kept and read later. A
///            decoder takes peer_wire_version and no other: two ends that know several agree on one
///            before the first message.
/// Time       Hosts have clocks of their own: an expiry crosses as the time that is left, and its
///            way does not count, as with MQTT's Message Expiry Interval.
/// Trust      Bytes that are accepted make a message that a shard may be given: topics and filters
///            are well-formed, properties are those that subscribers get, sizes fit. Whether the
///            peer tells the truth is not checked: a link has to authenticate its other end.
///
/// Some names in a message mean something in one place only, and a link has to know which:
///   SessionIndex, session_number   A session of one shard of one process: the sender's in
///                                  GroupJoin, GroupLeave and GroupPresence, the receiver's in
///                                  GroupDelivery. The other end keeps them and hands them back.
///                                  They end with their process, so joins are told anew to a peer
///                                  that lost its own, or that finds another process here.
///   ConfirmRequest::number, depth  Count on one link, in one direction. Confirmed returns them.
///   ConfirmRequest::forward        A row of the sender's store. Confirmed returns it; a receiver
///                                  with a store of its own stores arrivals by sender and key.
///   SharedMessage::key             A row of the sender's store. It is the receiver's row too if
///                                  both have one store (shards, a live upgrade), else the link has
///                                  to clear it.
///   RetainStamp::shard             Breaks ties between the shards of a process. Between nodes a
///                                  link has to make it unique.
///   Publisher::listener            A listener of the sender's configuration.
///   Metrics                        Have the layout of one build: see MetricsReport below.
inline constexpr std::uint8_t peer_wire_version = 1;

/// The largest depth of a confirm request: Holdings counts no further.
inline constexpr std::uint8_t peer_depth_max = 6;

/// The byte that names the kind of a message. A number is never used again for another kind.
enum class PeerKind : std::uint8_t {
  publish_batch = 1,
  publish = 2,
  group_delivery = 3,
  group_return = 4,
  group_join = 5,
  group_leave = 6,
  group_presence = 7,
  confirmed = 8,
  metrics_request = 9,
  metrics_report = 10,
  links_full = 11,
};

[[nodiscard]] PeerKind kind_of(const PeerMessage& message) noexcept;

/// Why bytes of a peer are refused. None of it can be skipped: the stream ends there.
enum class PeerFault : std::uint8_t {
  too_large,        ///< more bytes than the receiver takes; said as soon as the size is there
  unknown_version,  ///< another version than peer_wire_version
  unknown_kind,     ///< a kind that this version does not have
  malformed,        ///< fields that do not fit, or values that they cannot have
};

/// `what` is a static text that names the fault for the log: "topic filter is not UTF-8".
struct PeerFailure {
  PeerFault fault = PeerFault::malformed;
  std::string_view what;
};

/// A message that was cut off a stream.
///
/// Lifetime   Owns its content; nothing points into the bytes.
struct ReceivedPeerMessage {
  PeerMessage message;
  std::size_t size_bytes = 0;  // with the size in front
};

/// Cuts the first message off `input`, and decodes it.
///
/// Returns   The message; or nothing if `input` ends before it does.
/// Errors    PeerFailure. MetricsReport of a build that counts more or fewer figures is malformed:
///           it is for peers of one build.
/// Cost       Copies the message's content once; a fixed number of allocations.
[[nodiscard]] std::expected<std::optional<ReceivedPeerMessage>, PeerFailure> next_peer_message(
    mqtt::Bytes input, Instant now, std::size_t message_bytes_max);

/// Appends a message.
///
/// Requires  A MetricsReport has its metrics. Less than 4 GiB in all.
void encode(const PeerMessage& message, Instant now, mqtt::ByteBuffer& out);

}  // namespace broker
