// Records of sessions as a bucket may give them back: what is accepted is encoded as it was, and a
// cursor can go on from it.

#include <string>

#include "broker/cluster/cursor.h"
#include "broker/cluster/member_record.h"
#include "broker/cluster/session_record.h"
#include "test/fuzz/input.h"

namespace {

using fuzz::require;

template <typename Record>
std::string encoded(const Record& record) {
  mqtt::ByteBuffer out;
  encode(record, out);
  return std::string(mqtt::as_text(out.view()));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const auto bytes = fuzz::exact_copy(input.rest());
  if (const auto member = cluster::decode_member_record(bytes)) {
    require(encoded(*member) == mqtt::as_text(bytes), "a member is encoded as it was");
  }
  const auto record = cluster::decode_session_record(bytes);
  if (!record) {
    require(!record.error().empty(), "a refusal says why");
    return 0;
  }
  require(encoded(*record) == mqtt::as_text(bytes), "a session is encoded as it was");
  const cluster::Cursor cursor(record->state.cursor, record->state.done);
  require(cursor.cursor() == record->state.cursor, "a cursor goes on from its record");
  require(cursor.done_ranges() == record->state.done, "a cursor keeps what is done");
  return 0;
}
