#include "broker/cluster/session_record.h"

#include "broker/core/soundness.h"
#include "broker/field_wire.h"

namespace cluster {

// Outside of the anonymous namespace: FieldWriter and FieldReader find them by their arguments.

static void walk(auto& wire, broker::FieldsOf<SequenceRange> auto& range) {
  wire(range.first, range.last);
}
static void walk(auto& wire, broker::FieldsOf<SessionState::Subscription> auto& one) {
  wire(one.filter, one.since, one.subscription_identifier, one.qos, one.no_local,
       one.retain_as_published);
}
static void walk(auto& wire, broker::FieldsOf<SessionState> auto& state) {
  wire(state.expiry_interval_seconds, state.subscriptions, state.cursor, state.done,
       state.acks_from, state.numbers_from, state.numbers_reserved);
}
static void walk(auto& wire, broker::FieldsOf<SessionRecord> auto& record) {
  wire(record.epoch, record.owner, record.holder, record.state);
}

namespace {

// No field of a record is a point in time.
constexpr broker::Instant without_time{};

std::string_view fault_of_ranges(const SessionState& state) {
  if (state.done.size() > done_ranges_max) return "too many ranges";
  Sequence last = state.cursor;
  for (const SequenceRange& range : state.done) {
    if (range.first <= last || range.last < range.first) return "ranges out of order";
    last = range.last;
  }
  return {};
}

std::string_view fault_of_record(const SessionRecord& record) {
  if (record.epoch == 0 || record.owner == no_member) return "no owner";
  const SessionState& state = record.state;
  if (state.numbers_from > state.numbers_reserved) return "numbers out of order";
  if (state.subscriptions.size() > record_subscriptions_max) return "too many subscriptions";
  for (const SessionState::Subscription& one : state.subscriptions) {
    if (!broker::is_sound_filter(one.filter)) return "bad topic filter";
    if (one.subscription_identifier > mqtt::variable_byte_integer_max) {
      return "subscription identifier too large";
    }
  }
  return fault_of_ranges(state);
}

}  // namespace

void encode(const SessionRecord& record, mqtt::ByteBuffer& out) {
  out.push_back(session_record_version);
  broker::FieldWriter write(without_time, out);
  write(record);
}

std::expected<SessionRecord, std::string_view> decode_session_record(mqtt::Bytes bytes) {
  if (bytes.empty()) return std::unexpected("empty record");
  if (std::to_integer<std::uint8_t>(bytes[0]) != session_record_version) {
    return std::unexpected("another version");
  }
  broker::FieldReader read(without_time, bytes.subspan(1));
  SessionRecord record;
  read(record);
  if (const auto fault = read.fault()) return std::unexpected(*fault);
  if (const auto fault = fault_of_record(record); !fault.empty()) return std::unexpected(fault);
  return record;
}

}  // namespace cluster
