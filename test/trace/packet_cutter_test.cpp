#include "broker/trace/packet_cutter.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "test/vectors/build.h"
#include "test/vectors/packets.h"

using trace::CutPacket;
using trace::PacketCutter;

namespace {

/// The texts that a cutter makes of a stream that comes in pieces of `piece_bytes`.
std::vector<std::string> cut(std::string_view stream, std::size_t piece_bytes,
                             PacketCutter& cutter) {
  std::vector<std::string> packets;
  for (std::size_t at = 0; at < stream.size(); at += piece_bytes) {
    // A copy of its own, so that a view into a former piece is caught.
    const std::string copy(stream.substr(at, piece_bytes));
    mqtt::Bytes piece = mqtt::as_bytes(copy);
    while (const auto packet = cutter.take(piece)) {
      packets.push_back(std::string(mqtt::name_of(packet->type)) + ":" +
                        std::to_string(packet->flags) + ":" + std::to_string(packet->size_bytes) +
                        ":" + std::string(mqtt::as_text(packet->body)));
    }
    CHECK(piece.empty());
  }
  return packets;
}

std::vector<std::string> cut(std::string_view stream, std::size_t piece_bytes) {
  PacketCutter cutter;
  return cut(stream, piece_bytes, cutter);
}

/// All well-formed packets of the table that are kept whole.
std::string stream_of_all() {
  std::string stream;
  for (const auto& packet : vectors::all_packets()) {
    if (packet.valid() && packet.bytes.size() <= PacketCutter::kept_bytes_max) {
      stream += packet.bytes;
    }
  }
  return stream;
}

}  // namespace

TEST_CASE("packets are the same, however the stream is cut into pieces", "[cutter]") {
  const std::string stream = stream_of_all();
  const auto whole = cut(stream, stream.size());
  CHECK(whole.size() > 100);
  CHECK(cut(stream, stream.size() / 2 + 1) == whole);
  for (const std::size_t piece_bytes : {1U, 2U, 3U, 7U, 64U, 1000U}) {
    CHECK(cut(stream, piece_bytes) == whole);
  }
}

TEST_CASE("of a packet that comes in pieces its front is kept, whatever its size", "[cutter]") {
  const std::string large = vectors::packet(0x30, vectors::text("t") + std::string(1'000'000, 'x'));
  const std::string stream = large + "\xC0" + std::string(1, '\0');
  PacketCutter cutter;
  std::size_t packets = 0;
  for (std::size_t at = 0; at < stream.size(); at += 1000) {
    const std::string copy = stream.substr(at, 1000);
    mqtt::Bytes piece = mqtt::as_bytes(copy);
    while (const auto packet = cutter.take(piece)) {
      ++packets;
      if (packets == 2) {
        CHECK(packet->type == mqtt::PacketType::pingreq);
        CHECK(packet->is_whole());
        continue;
      }
      CHECK(packet->size_bytes == large.size());
      CHECK_FALSE(packet->is_whole());
      CHECK(packet->body.size() <= PacketCutter::kept_bytes_max);
      CHECK(packet->body.size() + packet->missing_bytes == 1'000'003);
    }
  }
  CHECK(packets == 2);
}

TEST_CASE("bytes that begin no packet end the cutting, and are kept for the report", "[cutter]") {
  using namespace std::string_literals;
  for (const std::string& bad : {"\x00\x01\x02"s, "\x30\xFF\xFF\xFF\xFF\x01"s}) {
    for (const std::size_t piece_bytes : {1U, 100U}) {
      PacketCutter cutter;
      CHECK(cut("\xC0\x00"s + bad + "\xC0\x00"s, piece_bytes, cutter) ==
            std::vector<std::string>{"PINGREQ:0:2:"});
      CHECK(cutter.broken());
      CHECK_FALSE(cutter.broken_bytes().empty());
      CHECK(
          bad.starts_with(std::string(mqtt::as_text(cutter.broken_bytes())).substr(0, bad.size())));
    }
  }
}
