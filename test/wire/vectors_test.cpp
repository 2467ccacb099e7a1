#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "broker/wire/framer.h"
#include "test/vectors/build.h"
#include "test/vectors/decode_any.h"
#include "test/vectors/packets.h"

using mqtt::Side;
using vectors::all_packets;
using vectors::decode_any;
using vectors::decode_frame;
using vectors::Outcome;
using vectors::Packet;
using vectors::Packets;

namespace {

/// A copy on the heap of just this size: reading past either end is an error that ASan sees.
std::vector<std::byte> exact_copy(mqtt::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

int code_of(const std::optional<mqtt::Reason>& reason) {
  return reason ? static_cast<int>(*reason) : -1;
}

constexpr Side sides[] = {Side::client, Side::server};

std::optional<mqtt::Reason> verdict_on(const Packet& packet, Side sent_by) {
  const auto copy = exact_copy(packet.view());
  const Outcome outcome = decode_any(copy, packet.version, sent_by);
  CHECK(outcome.complete);
  if (!outcome.failure) return std::nullopt;
  CHECK_FALSE(outcome.failure->what.empty());
  return outcome.failure->reason;
}

}  // namespace

TEST_CASE("every packet of the table is accepted, or refused for the reason it says", "[vectors]") {
  for (const Side sent_by : sides) {
    for (const Packet& packet : all_packets(sent_by)) {
      CAPTURE(packet.name, static_cast<int>(packet.version), static_cast<int>(sent_by));
      CHECK(code_of(verdict_on(packet, sent_by)) == code_of(packet.refused_with));
    }
  }
}

TEST_CASE("the table has every packet type that a side sends, valid in every version",
          "[vectors]") {
  const Side sent_by = GENERATE(Side::client, Side::server);
  const std::vector<int> types = sent_by == Side::client
                                     ? std::vector{1, 3, 4, 5, 6, 7, 8, 10, 12, 14}
                                     : std::vector{2, 3, 4, 5, 6, 7, 9, 11, 13};
  std::set<std::tuple<int, int>> seen;  // version, type
  for (const Packet& packet : all_packets(sent_by)) {
    if (!packet.valid()) continue;
    seen.emplace(static_cast<int>(packet.version),
                 static_cast<unsigned char>(packet.bytes[0]) >> 4);
  }
  for (const int version : {3, 4, 5}) {
    for (const int type : types) {
      CAPTURE(version, type);
      CHECK(seen.contains({version, type}));
    }
  }
  CHECK(seen.contains({5, 14}));
  CHECK(seen.contains({5, 15}));
}

TEST_CASE("a packet that has not arrived whole is neither a packet nor an error", "[vectors]") {
  const Side sent_by = GENERATE(Side::client, Side::server);
  for (const Packet& packet : all_packets(sent_by)) {
    if (!packet.valid()) continue;
    CAPTURE(packet.name);
    const std::size_t step = std::max<std::size_t>(1, packet.bytes.size() / 500);
    bool silent = true;
    for (std::size_t size = 0; size < packet.bytes.size(); size += step) {
      const auto cut = exact_copy(packet.view().first(size));
      const Outcome outcome = decode_any(cut, packet.version, sent_by);
      silent = silent && !outcome.complete && !outcome.failure;
    }
    CHECK(silent);
  }
}

TEST_CASE("no decoder reads past the end of a body that is cut anywhere", "[vectors]") {
  const Side sent_by = GENERATE(Side::client, Side::server);
  std::size_t accepted = 0;
  for (const Packet& packet : all_packets(sent_by)) {
    if (!packet.valid()) continue;
    const auto frame = mqtt::next_frame(packet.view(), packet.bytes.size(), packet.version);
    REQUIRE(frame);
    REQUIRE(*frame);
    const std::size_t body_size = (*frame)->body.size();
    const std::size_t step = std::max<std::size_t>(1, body_size / 500);
    for (std::size_t size = 0; size < body_size; size += step) {
      const auto body = exact_copy((*frame)->body.first(size));
      mqtt::Frame cut = **frame;
      cut.body = body;
      if (decode_frame(cut, packet.version, sent_by).accepted()) ++accepted;
    }
  }
  CHECK(accepted > 0);  // a PUBLISH with less payload, for one
}

namespace {

/// Decodes and encodes one whole packet.
vectors::Rewritten rewritten(std::string_view bytes, mqtt::Version version, Side sent_by) {
  const auto copy = exact_copy(mqtt::as_bytes(bytes));
  const auto frame = mqtt::next_frame(copy, copy.size(), version);
  REQUIRE(frame);
  REQUIRE(*frame);
  REQUIRE((*frame)->size_bytes == bytes.size());
  const auto packet = vectors::rewrite(**frame, version, sent_by);
  REQUIRE(packet);
  return *packet;
}

/// A server of 3.1.1 that refuses 5.0: the codec writes that in the form of 5.0.
bool is_refusal_of_old_server(const Packet& packet) {
  return packet.name == "CONNACK of 3.1.1 that knows no other version";
}

}  // namespace

TEST_CASE("a packet that is decoded and encoded means the same, and is as short or shorter",
          "[vectors]") {
  const Side sent_by = GENERATE(Side::client, Side::server);
  std::size_t unchanged = 0;
  std::size_t count = 0;
  for (const Packet& packet : all_packets(sent_by)) {
    if (!packet.valid()) continue;
    CAPTURE(packet.name, static_cast<int>(packet.version));
    const vectors::Rewritten once = rewritten(packet.bytes, packet.version, sent_by);
    const vectors::Rewritten twice = rewritten(once.bytes, packet.version, sent_by);
    CHECK(twice.meaning == once.meaning);
    CHECK(twice.bytes == once.bytes);
    if (!is_refusal_of_old_server(packet)) CHECK(once.bytes.size() <= packet.bytes.size());
    ++count;
    if (once.bytes == packet.bytes) ++unchanged;
  }
  // Properties in another order, and what may be left out, aside.
  CHECK(unchanged * 2 > count);
}

TEST_CASE("packets in the encoder's own form are encoded as they were, byte for byte",
          "[vectors]") {
  const std::set<std::string> names = {
      "CONNECT 3.1 with all fields",  "CONNECT 3.1.1 with all fields",
      "CONNECT 3.1.1 of a bridge",    "CONNACK with all properties",
      "SUBACK for three filters",     "SUBACK with all properties",
      "UNSUBACK with all properties", "DISCONNECT with all properties",
      "AUTH with all properties",     "SUBSCRIBE to three filters",
      "PUBACK with all properties",
  };
  std::set<std::string> seen;
  for (const Side sent_by : sides) {
    for (const Packet& packet : all_packets(sent_by)) {
      if (!names.contains(packet.name)) continue;
      CAPTURE(packet.name, static_cast<int>(packet.version));
      CHECK(rewritten(packet.bytes, packet.version, sent_by).bytes == packet.bytes);
      seen.insert(packet.name);
    }
  }
  CHECK(seen == names);
}

namespace {

/// Changes bytes of packets, from a seed: the same packets on every run.
class Mutator {
 public:
  Mutator(const Packets& packets, unsigned seed) : packets_(packets), random_(seed) {}

  std::string next() {
    const Packet& packet = pick();
    version_ = packet.version;
    std::string bytes = packet.bytes.substr(0, 600);
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) change(bytes);
    return below(4) == 0 ? bytes : with_honest_length(bytes);
  }
  [[nodiscard]] mqtt::Version version() const { return version_; }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }
  const Packet& pick() { return packets_[below(packets_.size())]; }

  void change(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    const char value =
        below(3) == 0 ? "\x00\x01\x7F\x80\xFF"[below(5)] : static_cast<char>(random_());
    switch (below(6)) {
      case 0:
        bytes.insert(at, 1, value);
        break;
      case 1:
        bytes.resize(at);
        break;
      case 2:
        bytes.erase(at, 1 + below(4));
        break;
      case 3:
        splice(bytes, at);
        break;
      case 4:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      default:
        if (!bytes.empty()) bytes[at] = value;
    }
  }

  void splice(std::string& bytes, std::size_t at) {
    const std::string& other = pick().bytes;
    const std::size_t from = below(other.size());
    bytes.insert(at, other, from, below(40));
  }

  /// So that what was changed is seen by a decoder, and not already by the framer.
  static std::string with_honest_length(const std::string& bytes) {
    if (bytes.size() < 3) return bytes;
    const auto first = static_cast<unsigned char>(bytes[0]);
    const bool long_header = (static_cast<unsigned char>(bytes[1]) & 0x80U) != 0;
    return vectors::packet(first, std::string_view(bytes).substr(long_header ? 3 : 2));
  }

  const Packets& packets_;
  std::minstd_rand random_;
  mqtt::Version version_ = mqtt::Version::v5_0;
};

std::size_t mutations() {
  const char* const wanted = std::getenv("DARTER_MUTATIONS");
  return wanted == nullptr ? 300'000 : std::strtoul(wanted, nullptr, 10);
}

}  // namespace

TEST_CASE("packets changed at random are accepted or refused, and nothing else happens",
          "[vectors][mutation]") {
  const Side sent_by = GENERATE(Side::client, Side::server);
  const Packets packets = all_packets(sent_by);
  Mutator mutator(packets, 20'260'101);
  std::map<int, std::size_t> verdicts;
  for (std::size_t count = mutations(); count > 0; --count) {
    const std::string bytes = mutator.next();
    const auto copy = exact_copy(mqtt::as_bytes(bytes));
    const Outcome outcome = decode_any(copy, mutator.version(), sent_by);
    ++verdicts[outcome.failure ? static_cast<int>(outcome.failure->reason) : -1];
  }
  // The changes are deep enough to be accepted, and to be refused in every way there is.
  for (const int reason : {-1, 0x81, 0x82, 0x84, 0x85, 0x94}) {
    if (sent_by == Side::server && (reason == 0x84 || reason == 0x85)) continue;  // of a CONNECT
    CAPTURE(reason);
    CHECK(verdicts[reason] > 10);
  }
}
