#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "broker/cluster/lasting.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace cluster {

/// The part of a session from which any node can rebuild it, together with the stream.
///
/// Shape      A message of the stream is to be delivered if it is above `cursor`, not in `done`,
///            not among the acknowledgements that `acks_from` points to, and matches a subscription
///            whose `since` is below it.
///            Deliveries of QoS 1 and 2 have numbers, from which their packet identifiers follow.
///            The owner uses numbers below `numbers_reserved` only; all below `numbers_from` are
///            released.
/// Reason     `since`: without it a rebuilt session would get messages from before SUBSCRIBE.
///            Numbers: a client may hold the identifier of a delivery that the record does not
///            know, for it has sent PUBREC to an owner that died. A new message under that
///            identifier would be taken for the old one and be lost [MQTT-4.3.3-10]. So the next
///            owner begins at `numbers_reserved`, and releases the identifiers of numbers_from ..
///            numbers_reserved before they are used again: PUBCOMP comes for each, whether the
///            client holds it or not (section 4.3.3).
struct SessionState {
  struct Subscription {
    std::string filter;  // mount point in front
    Sequence since = 0;  // the stream's end at the owner when it was made
    std::uint32_t subscription_identifier = 0;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
    bool operator==(const Subscription&) const = default;
  };

  std::uint32_t expiry_interval_seconds = 0;
  std::vector<Subscription> subscriptions;
  Sequence cursor = 0;
  std::vector<SequenceRange> done;  // above the cursor, in order and apart
  std::uint64_t acks_from = 0;      // acknowledgements of the holder above this place count
  std::uint64_t numbers_from = 0;
  std::uint64_t numbers_reserved = 0;
  bool operator==(const SessionState&) const = default;
};

/// The record of a session in the bucket: which node has it.
///
/// Shape      [version:1][epoch:8][owner:8][holder:8][state], in the form of field_wire.h.
///            `epoch` rises with each takeover. `owner` is the member that may have the session;
///            `holder` the one that had it last, in whose memory the exact state is:
///              owner == holder   the owner serves the session
///              owner != holder   the owner has claimed it, and asks the holder or rebuilds it
///              holder == none    no node has more than the record: a new session, or a parked one
/// Reason     Two names: a claimant that dies before it has the state must not hide from the next
///            one where the state is, and whose acknowledgements are to be read.
/// Invariant  Each change is a compare-and-set on the revision that the writer knows.
struct SessionRecord {
  std::uint64_t epoch = 0;
  MemberId owner = no_member;
  MemberId holder = no_member;
  SessionState state;
  bool operator==(const SessionRecord&) const = default;
};

inline constexpr std::uint8_t session_record_version = 1;

/// Ranges in `done` at most. There are fewer than deliveries in flight when the record is written;
/// those come on top that were acknowledged since.
inline constexpr std::size_t done_ranges_max = 32'768;
/// Subscriptions at most: NATS takes messages up to 1 MiB.
inline constexpr std::size_t record_subscriptions_max = 65'536;

void encode(const SessionRecord& record, mqtt::ByteBuffer& out);

/// Reads a record; nothing may be left over. What was decoded is encoded as it was.
///
/// Errors    A static text that names the fault: "another version".
[[nodiscard]] std::expected<SessionRecord, std::string_view> decode_session_record(
    mqtt::Bytes bytes);

}  // namespace cluster
