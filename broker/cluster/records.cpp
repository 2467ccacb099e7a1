#include "broker/cluster/records.h"

#include "broker/cluster/subject.h"
#include "broker/core/text.h"
#include "broker/field_wire.h"
#include "broker/wire/topic.h"

namespace cluster {
// Outside of the anonymous namespace: FieldWriter and FieldReader find them by their arguments.

// The fields of each record, in their order: for the writer as for the reader.

static void walk(auto& wire, broker::FieldsOf<NodeFigures> auto& figures) {
  wire(figures.connections, figures.sessions, figures.messages_sent, figures.messages_received,
       figures.messages_dropped);
}
static void walk(auto& wire, broker::FieldsOf<AliveRecord> auto& record) {
  wire(record.incarnation, record.beat, record.settled, record.leaving, record.figures);
}
static void walk(auto& wire, broker::FieldsOf<FiltersRecord> auto& record) {
  wire(record.incarnation, record.filters, record.number);
}
static void walk(auto& wire, broker::FieldsOf<HeardMessage> auto& message) {
  wire(message.incarnation, message.number, message.node);
}

namespace {

constexpr std::string_view alive_end = ".alive";
constexpr std::string_view filters_end = ".filters";
constexpr broker::Instant no_time{0};  // no record has a point in time

template <typename Record>
void encode_record(const Record& record, mqtt::ByteBuffer& out) {
  broker::FieldWriter(no_time, out)(record_version, record);
}

template <typename Record>
std::expected<Record, std::string_view> decode_record(mqtt::Bytes bytes) {
  if (bytes.size() > record_bytes_max) return std::unexpected("too large");
  broker::FieldReader reader(no_time, bytes);
  if (reader.integer<std::uint8_t>() != record_version) {
    return std::unexpected(bytes.empty() ? "fields do not fit" : "another version");
  }
  Record record;
  reader(record);
  if (const auto fault = reader.fault()) return std::unexpected(*fault);
  if (record.incarnation != incarnation_of(static_cast<std::uint64_t>(record.incarnation))) {
    return std::unexpected("incarnation that no node has");
  }
  return record;
}

std::optional<std::string_view> filter_fault(std::string_view filter) {
  if (const auto checked = mqtt::check_topic_filter(filter); !checked) return checked.error().what;
  if (tokens_bytes(filter) > tokens_bytes_max) return "topic filter too long";
  if (mqtt::is_sys(filter)) return "topic filter of each node's own";
  if (filter.starts_with("$share/")) return "topic filter of a shared subscription";
  return std::nullopt;
}

}  // namespace

void encode(const AliveRecord& record, mqtt::ByteBuffer& out) { encode_record(record, out); }
void encode(const FiltersRecord& record, mqtt::ByteBuffer& out) { encode_record(record, out); }
void encode(const HeardMessage& message, mqtt::ByteBuffer& out) { encode_record(message, out); }

std::expected<AliveRecord, std::string_view> decode_alive(mqtt::Bytes bytes) {
  return decode_record<AliveRecord>(bytes);
}

std::expected<FiltersRecord, std::string_view> decode_filters(mqtt::Bytes bytes) {
  auto record = decode_record<FiltersRecord>(bytes);
  if (!record) return record;
  for (const std::string& filter : record->filters) {
    if (const auto fault = filter_fault(filter)) return std::unexpected(*fault);
  }
  return record;
}

std::expected<HeardMessage, std::string_view> decode_heard(mqtt::Bytes bytes) {
  auto message = decode_record<HeardMessage>(bytes);
  if (message && !is_name(message->node)) return std::unexpected("no name of a node");
  return message;
}

std::string record_key(std::string_view node, RecordKind kind) {
  return broker::concat({node, kind == RecordKind::alive ? alive_end : filters_end});
}

std::optional<RecordKey> parse_record_key(std::string_view key) noexcept {
  const std::size_t dot = key.find('.');
  if (dot == std::string_view::npos || !is_name(key.substr(0, dot))) return std::nullopt;
  const std::string_view end = key.substr(dot);
  if (end == alive_end) return RecordKey{key.substr(0, dot), RecordKind::alive};
  if (end == filters_end) return RecordKey{key.substr(0, dot), RecordKind::filters};
  return std::nullopt;
}

}  // namespace cluster
