#include "broker/cluster/member_record.h"

#include "broker/core/soundness.h"
#include "broker/field_wire.h"

namespace cluster {

// Outside of the anonymous namespace: FieldWriter and FieldReader find it by its argument.
static void walk(auto& wire, broker::FieldsOf<MemberRecord> auto& record) {
  wire(record.name, record.beat, record.seen, record.dead);
}

void encode(const MemberRecord& record, mqtt::ByteBuffer& out) {
  out.push_back(member_record_version);
  broker::FieldWriter write(broker::Instant{}, out);
  write(record);
}

std::expected<MemberRecord, std::string_view> decode_member_record(mqtt::Bytes bytes) {
  if (bytes.empty()) return std::unexpected("empty record");
  if (std::to_integer<std::uint8_t>(bytes[0]) != member_record_version) {
    return std::unexpected("another version");
  }
  broker::FieldReader read(broker::Instant{}, bytes.subspan(1));
  MemberRecord record;
  read(record);
  if (const auto fault = read.fault()) return std::unexpected(*fault);
  if (!broker::is_sound_text(record.name)) return std::unexpected("bad name");
  return record;
}

}  // namespace cluster
