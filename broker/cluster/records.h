#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/cluster/envelope.h"
#include "broker/wire/bytes.h"

namespace cluster {

/// Figures of a node that it tells the others with its beat.
struct NodeFigures {
  std::uint64_t connections = 0;        // network connections that are open
  std::uint64_t sessions = 0;           // sessions that it has, offline ones too
  std::uint64_t messages_sent = 0;      // to other nodes, since its start
  std::uint64_t messages_received = 0;  // from other nodes, copies not counted
  std::uint64_t messages_dropped = 0;   // between nodes, see DropReason
  bool operator==(const NodeFigures&) const = default;
};

/// The record NAME.alive: the beat of a node.
///
/// Shape      [version:1][incarnation:8][beat:8][settled:1][leaving:1][figures, 8 bytes each], in
///            the form of broker/field_wire.h. `beat` rises by one with each record of a run.
struct AliveRecord {
  Incarnation incarnation{};
  std::uint64_t beat = 0;
  bool settled = false;  // a member for long enough to keep its name: see Node
  bool leaving = false;  // the last record of a run that ends as it should
  NodeFigures figures{};
  bool operator==(const AliveRecord&) const = default;
};

/// The record NAME.filters: what the node wants.
///
/// Shape      [version:1][incarnation:8][filters: list of text][number:8]
///            `number` rises by one with each record of a run.
/// Invariant  The filters are well-formed, not long (see subject.h), and none is of "$SYS" or of a
///            shared subscription.
struct FiltersRecord {
  Incarnation incarnation{};
  std::vector<std::string> filters{};
  std::uint64_t number = 0;
  bool operator==(const FiltersRecord&) const = default;
};

/// A message to a node, by core NATS: the shards of another one know its filters, up to a record.
///
/// Shape      [version:1][incarnation:8][number:8][node: text]; the first two are the record's,
///            `node` is the name of the one that knows it.
struct HeardMessage {
  Incarnation incarnation{};
  std::uint64_t number = 0;
  std::string node{};
  bool operator==(const HeardMessage&) const = default;
};

inline constexpr std::uint8_t record_version = 1;

/// A record has so many bytes at most; longer ones are refused.
inline constexpr std::size_t record_bytes_max = 1'048'576;

void encode(const AliveRecord& record, mqtt::ByteBuffer& out);
void encode(const FiltersRecord& record, mqtt::ByteBuffer& out);
void encode(const HeardMessage& message, mqtt::ByteBuffer& out);

/// Errors    A static text that names the fault: "another version".
[[nodiscard]] std::expected<AliveRecord, std::string_view> decode_alive(mqtt::Bytes bytes);
[[nodiscard]] std::expected<FiltersRecord, std::string_view> decode_filters(mqtt::Bytes bytes);
[[nodiscard]] std::expected<HeardMessage, std::string_view> decode_heard(mqtt::Bytes bytes);

enum class RecordKind : std::uint8_t { alive, filters };

/// A key of the bucket, taken apart: NAME.alive or NAME.filters.
struct RecordKey {
  std::string_view node;
  RecordKind kind = RecordKind::alive;
};
[[nodiscard]] std::string record_key(std::string_view node, RecordKind kind);
/// Returns   Nothing for a key that no node of this version writes.
[[nodiscard]] std::optional<RecordKey> parse_record_key(std::string_view key) noexcept;

}  // namespace cluster
