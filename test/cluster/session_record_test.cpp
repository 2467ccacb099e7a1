#include "broker/cluster/session_record.h"

#include <catch2/catch.hpp>

#include "broker/cluster/member_record.h"

using cluster::MemberId;
using cluster::SessionRecord;

namespace {

SessionRecord record() {
  SessionRecord record{.epoch = 3, .owner = MemberId{7}, .holder = MemberId{8}, .state = {}};
  record.state.expiry_interval_seconds = 3600;
  record.state.subscriptions.push_back({.filter = "a/+/#",
                                        .since = 42,
                                        .subscription_identifier = 5,
                                        .qos = mqtt::Qos::exactly_once,
                                        .no_local = true,
                                        .retain_as_published = false});
  record.state.cursor = 100;
  record.state.done = {{102, 110}, {120, 120}};
  record.state.acks_from = 9;
  record.state.numbers_from = 17;
  record.state.numbers_reserved = 1041;
  return record;
}

template <typename Record>
std::string encoded(const Record& record) {
  mqtt::ByteBuffer out;
  encode(record, out);
  return std::string(mqtt::as_text(out.view()));
}

std::string_view fault_of(const SessionRecord& record) {
  const std::string bytes = encoded(record);
  const auto decoded = cluster::decode_session_record(mqtt::as_bytes(bytes));
  return decoded ? std::string_view{} : decoded.error();
}

}  // namespace

TEST_CASE("a record of a session is read as it was written", "[session_record]") {
  const std::string bytes = encoded(record());
  CHECK(cluster::decode_session_record(mqtt::as_bytes(bytes)).value() == record());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_FALSE(cluster::decode_session_record(mqtt::as_bytes(bytes.substr(0, size))));
  }
  CHECK_FALSE(cluster::decode_session_record(mqtt::as_bytes(bytes + "x")));
  std::string other = bytes;
  other[0] = 2;
  CHECK(cluster::decode_session_record(mqtt::as_bytes(other)).error() == "another version");
}

TEST_CASE("a record that no node writes is refused", "[session_record]") {
  SessionRecord bad = record();
  bad.owner = cluster::no_member;
  CHECK(fault_of(bad) == "no owner");
  bad = record();
  bad.state.subscriptions[0].filter = "a/#/b";
  CHECK(fault_of(bad) == "bad topic filter");
  bad = record();
  bad.state.done = {{102, 110}, {110, 120}};
  CHECK(fault_of(bad) == "ranges out of order");
  bad = record();
  bad.state.done = {{100, 110}};
  CHECK(fault_of(bad) == "ranges out of order");
  bad = record();
  bad.state.numbers_from = 2000;
  CHECK(fault_of(bad) == "numbers out of order");
}

TEST_CASE("a record of a member is read as it was written", "[session_record]") {
  const cluster::MemberRecord member{.name = "node-1", .beat = 12, .seen = 99, .dead = true};
  const std::string bytes = encoded(member);
  CHECK(cluster::decode_member_record(mqtt::as_bytes(bytes)).value() == member);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_FALSE(cluster::decode_member_record(mqtt::as_bytes(bytes.substr(0, size))));
  }
}
