#include "transport/packet_frames.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "test/transport/fixture.h"
#include "transport/pending.h"

using broker::MessageRef;
using broker::Output;

namespace transport {
namespace {

MessageRef message_of(std::string_view payload) {
  return MessageRef::copy_of(
      {"t", mqtt::as_bytes(payload), {}, mqtt::Qos::at_most_once, false, std::nullopt});
}

/// Appends a PUBLISH whose payload is spliced in.
void append_spliced(Output& output, const MessageRef& message) {
  const std::string packet = publish("t", mqtt::as_text(message->payload()));
  output.bytes.append(
      std::string_view(packet).substr(0, packet.size() - message->payload().size()));
  output.spliced_bytes += message->payload().size();
  output.splices.push_back({output.bytes.size(), message->payload(), message});
}

std::string text(const Output& output) {
  std::vector<uv_buf_t> pieces;
  gather(output, 0, pieces);
  std::string all;
  for (const uv_buf_t& piece : pieces) all.append(piece.base, piece.len);
  CHECK(all.size() == output.size_bytes());
  return all;
}

}  // namespace

TEST_CASE("each packet of a turn has a frame of its own", "[packet_frames]") {
  Output framed;
  // Once more with the memory of the first.
  for (const bool again : {false, true}) {
    CAPTURE(again);
    Output output;
    std::string expected;
    for (const std::size_t size : {0U, 1U, 100U, 118U, 119U, 120U, 121U, 122U, 123U, 1000U, 1018U,
                                   1019U, 1020U, 3000U, 65'526U, 65'527U, 65'528U, 70'000U}) {
      const std::string packet = publish("t", std::string(size, 'x'));
      output.bytes.append(packet);
      output.bytes.append(std::string_view("\xD0\x00", 2));
      expected += server_frame(0x82, packet) + server_frame(0x82, std::string("\xD0\x00", 2));
    }
    frame_packets(output, framed);
    CHECK(text(framed) == expected);
  }
}

TEST_CASE("a payload that is spliced in stays where it is", "[packet_frames]") {
  const MessageRef first = message_of(std::string(5000, 'a'));
  const MessageRef second = message_of(std::string(80'000, 'b'));
  Output output;
  append_spliced(output, first);
  append_spliced(output, second);
  output.bytes.append(connack);
  append_spliced(output, first);
  Output framed;
  frame_packets(output, framed);
  const std::string one = server_frame(0x82, publish("t", std::string(5000, 'a')));
  CHECK(text(framed) == one + server_frame(0x82, publish("t", std::string(80'000, 'b'))) +
                            server_frame(0x82, connack) + one);
  REQUIRE(framed.splices.size() == 3);
  CHECK(framed.splices[1].payload.data() == second->payload().data());
  CHECK(framed.splices[1].keeper);
}

TEST_CASE("what is borrowed from a turn's output is copied when it has to wait",
          "[packet_frames]") {
  const std::string long_packet = publish("t", std::string(2000, 'x'));
  Output framed;
  Output waiting;
  {
    Output output;
    output.bytes.append(connack);
    output.bytes.append(long_packet);
    frame_packets(output, framed);
    CHECK(framed.splices.size() == 1);
    append(waiting, framed);
  }
  CHECK(text(waiting) == server_frame(0x82, connack) + server_frame(0x82, long_packet));
}

TEST_CASE("output without packets makes no frame", "[packet_frames]") {
  Output output;
  Output framed;
  frame_packets(output, framed);
  CHECK(framed.size_bytes() == 0);
}

}  // namespace transport
