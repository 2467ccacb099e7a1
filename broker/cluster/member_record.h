#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "broker/cluster/lasting.h"
#include "broker/wire/bytes.h"

namespace cluster {

/// The record of a member, in the bucket of the sessions: its beat.
///
/// Shape      [version:1][name: text][beat:8][seen:8][dead:1], in the form of field_wire.h. The key
///            is the MemberId.
struct MemberRecord {
  std::string name;        // of the node, for people
  std::uint64_t beat = 0;  // rises with each record of the member
  Revision seen = 0;       // the member has applied all changes of the bucket up to this one
  bool dead = false;       // written by another member: see Membership
  bool operator==(const MemberRecord&) const = default;
};

inline constexpr std::uint8_t member_record_version = 1;

void encode(const MemberRecord& record, mqtt::ByteBuffer& out);

/// Errors    A static text that names the fault: "another version".
[[nodiscard]] std::expected<MemberRecord, std::string_view> decode_member_record(mqtt::Bytes bytes);

}  // namespace cluster
