#include "transport/packet_frames.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "test/packets.h"
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
  std::vector<std::size_t> begins;
  // Once more with the memory of the first.
  for (const bool again : {false, true}) {
    CAPTURE(again);
    Output output;
    std::string expected;
    for (const std::size_t size : {0U, 1U, 100U, 118U, 119U, 120U, 121U, 122U, 123U, 1000U, 1018U,
                                   1019U, 1020U, 3000U, 65'526U, 65'527U, 65'528U, 70'000U}) {
      const std::string packet = publish("t", std::string(size, 'x'));
      output.bytes.append(packet);
      output.bytes.append(test::pingresp());
      expected += server_frame(0x82, packet) + server_frame(0x82, test::pingresp());
    }
    frame_packets(output, begins);
    CHECK(text(output) == expected);
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
  std::vector<std::size_t> begins;
  frame_packets(output, begins);
  const std::string one = server_frame(0x82, publish("t", std::string(5000, 'a')));
  CHECK(text(output) == one + server_frame(0x82, publish("t", std::string(80'000, 'b'))) +
                            server_frame(0x82, connack) + one);
  REQUIRE(output.splices.size() == 3);
  CHECK(output.splices[1].payload.data() == second->payload().data());
  CHECK(output.splices[1].keeper);
}

TEST_CASE("packets of a turn are one run of bytes however long they are", "[packet_frames]") {
  Output output;
  std::string expected;
  for (const std::size_t size : {10U, 1000U, 4000U, 16'000U}) {
    const std::string packet = publish("t", std::string(size, 'x'));
    output.bytes.append(packet);
    expected += server_frame(0x82, packet);
  }
  std::vector<std::size_t> begins;
  frame_packets(output, begins);
  // A piece of its own for each packet costs more in the kernel than moving it.
  CHECK(output.splices.empty());
  CHECK(mqtt::as_text(output.bytes.view()) == expected);
}

TEST_CASE("output without packets makes no frame", "[packet_frames]") {
  Output output;
  std::vector<std::size_t> begins;
  frame_packets(output, begins);
  CHECK(output.size_bytes() == 0);
}

}  // namespace transport
