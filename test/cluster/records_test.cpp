#include "broker/cluster/records.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/wire/bytes.h"

using cluster::AliveRecord;
using cluster::FiltersRecord;
using cluster::RecordKind;
using namespace std::string_literals;

namespace {

template <typename Record>
std::string encoded(const Record& record) {
  mqtt::ByteBuffer out;
  encode(record, out);
  return std::string(mqtt::as_text(out.view()));
}

const AliveRecord alive{.incarnation = cluster::incarnation_of(0x1234'5678),
                        .beat = 9,
                        .settled = true,
                        .leaving = false,
                        .figures = {1, 2, 3, 4, 5}};
const FiltersRecord filters{.incarnation = cluster::incarnation_of(0x1234'5678),
                            .filters = {"a/#", "$aws/+", "/"},
                            .number = 4};
const cluster::HeardMessage heard{
    .incarnation = cluster::incarnation_of(0x1234'5678), .number = 3, .node = "n-1"};

/// The fault of a filters record with that filter.
std::string fault_of(std::string filter) {
  FiltersRecord record = filters;
  record.filters.push_back(std::move(filter));
  const std::string bytes = encoded(record);
  const auto back = cluster::decode_filters(mqtt::as_bytes(bytes));
  return back ? "none" : std::string(back.error());
}

}  // namespace

TEST_CASE("records come back as they were", "[cluster]") {
  const std::string alive_bytes = encoded(alive);
  const std::string filters_bytes = encoded(filters);
  CHECK(cluster::decode_alive(mqtt::as_bytes(alive_bytes)) == alive);
  CHECK(cluster::decode_filters(mqtt::as_bytes(filters_bytes)) == filters);
  CHECK(filters_bytes == "\x01"s + "\0\0\x34\x12\0\0\0\0"s + "\x03\0\0\0"s + "\x03\0\0\0"s + "a/#" +
                             "\x06\0\0\0"s + "$aws/+" + "\x01\0\0\0"s + "/" +
                             "\x04\0\0\0\0\0\0\0"s);
}

TEST_CASE("a record cut anywhere, or with a byte more, is refused", "[cluster]") {
  const std::string alive_bytes = encoded(alive);
  for (std::size_t size = 0; size < alive_bytes.size(); ++size) {
    CHECK_FALSE(cluster::decode_alive(mqtt::as_bytes(alive_bytes.substr(0, size))));
  }
  CHECK_FALSE(cluster::decode_alive(mqtt::as_bytes(alive_bytes + "x")));
  const std::string filters_bytes = encoded(filters);
  for (std::size_t size = 0; size < filters_bytes.size(); ++size) {
    CHECK_FALSE(cluster::decode_filters(mqtt::as_bytes(filters_bytes.substr(0, size))));
  }
  CHECK_FALSE(cluster::decode_filters(mqtt::as_bytes(filters_bytes + "x")));
}

TEST_CASE("a node tells another that it knows its filters", "[cluster]") {
  const std::string bytes = encoded(heard);
  CHECK(cluster::decode_heard(mqtt::as_bytes(bytes)) == heard);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_FALSE(cluster::decode_heard(mqtt::as_bytes(bytes.substr(0, size))));
  }
  CHECK_FALSE(cluster::decode_heard(mqtt::as_bytes(bytes + "x")));
  cluster::HeardMessage nameless = heard;
  nameless.node = "a.b";
  const std::string wrong = encoded(nameless);
  CHECK(cluster::decode_heard(mqtt::as_bytes(wrong)).error() == "no name of a node");
}

TEST_CASE("records that no node writes are refused, with the fault", "[cluster]") {
  std::string bytes = encoded(alive);
  bytes[0] = 2;
  CHECK(cluster::decode_alive(mqtt::as_bytes(bytes)).error() == "another version");
  bytes = encoded(alive);
  bytes[1] = 1;
  CHECK(cluster::decode_alive(mqtt::as_bytes(bytes)).error() == "incarnation that no node has");
  bytes = encoded(alive);
  bytes[17] = 2;
  CHECK(cluster::decode_alive(mqtt::as_bytes(bytes)).error() == "flag is neither 0 nor 1");
  CHECK(fault_of("a/+/b") == "none");
  CHECK(fault_of("a/#/b") != "none");
  CHECK(fault_of("") != "none");
  CHECK(fault_of("$SYS/#") == "topic filter of each node's own");
  CHECK(fault_of("$share/g/a") == "topic filter of a shared subscription");
  CHECK(fault_of(std::string(1025, 'x')) == "topic filter too long");
  const std::string large(cluster::record_bytes_max + 1, '\x01');
  CHECK(cluster::decode_filters(mqtt::as_bytes(large)).error() == "too large");
}

TEST_CASE("keys of records name node and kind", "[cluster]") {
  CHECK(cluster::record_key("n-1", RecordKind::alive) == "n-1.alive");
  CHECK(cluster::record_key("n-1", RecordKind::filters) == "n-1.filters");
  for (const auto kind : {RecordKind::alive, RecordKind::filters}) {
    const std::string text = cluster::record_key("n-1", kind);
    const auto key = cluster::parse_record_key(text);
    REQUIRE(key);
    CHECK(key->node == "n-1");
    CHECK(key->kind == kind);
  }
  for (const char* text : {"", "n", ".alive", "n.", "n.alive.x", "n.other", "a b.alive"}) {
    CAPTURE(text);
    CHECK_FALSE(cluster::parse_record_key(text));
  }
}
