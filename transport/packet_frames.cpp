#include "transport/packet_frames.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "transport/websocket.h"

namespace transport {

namespace {

/// From here on the kernel gathers bytes faster than they are copied.
constexpr std::size_t borrowed_bytes_min = 1024;

/// How long the packet is that begins there, as its fixed header says (section 2.1.4).
std::size_t packet_size(mqtt::Bytes bytes) noexcept {
  constexpr std::size_t header_bytes_max = 5;
  std::size_t remaining = 0;
  for (std::size_t at = 1; at < std::min(bytes.size(), header_bytes_max); ++at) {
    const auto digit = std::to_integer<std::size_t>(bytes[at]);
    remaining |= (digit & 0x7FU) << (7 * (at - 1));
    if (digit < 0x80) return at + 1 + remaining;
  }
  assert(false);  // every encoder writes a whole header
  return bytes.size();
}

/// Appends a frame of `size` bytes that begins with `bytes`.
void append_frame(broker::Output& framed, std::size_t size, mqtt::Bytes bytes) {
  const bool borrow = bytes.size() >= borrowed_bytes_min;
  const std::size_t copied = borrow ? 0 : bytes.size();
  // The header has its full length only if the payload is long: the rest is cut off again.
  std::byte* const place = framed.bytes.extend(websocket_header_bytes_max + copied);
  const std::size_t header = write_websocket_header(
      std::span<std::byte, websocket_header_bytes_max>(place, websocket_header_bytes_max),
      WebSocketOpcode::binary, size);
  std::memcpy(place + header, bytes.data(), copied);
  framed.bytes.truncate(framed.bytes.size() - websocket_header_bytes_max + header);
  if (!borrow) return;
  framed.splices.push_back({framed.bytes.size(), bytes, {}});
  framed.spliced_bytes += bytes.size();
}

}  // namespace

void frame_packets(broker::Output& output, broker::Output& framed) {
  framed.bytes.clear();
  framed.splices.clear();
  framed.spliced_bytes = std::exchange(output.spliced_bytes, 0);
  const mqtt::Bytes bytes = output.bytes.view();
  auto splice = output.splices.begin();
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = packet_size(bytes.subspan(at));
    const bool spliced = splice != output.splices.end() && splice->offset < at + size;
    const std::size_t here = std::min(spliced ? splice->offset - at : size, bytes.size() - at);
    assert(here + (spliced ? splice->payload.size() : 0) == size);
    const mqtt::Bytes packet = bytes.subspan(at, here);
    append_frame(framed, size, packet);
    at += here;
    if (!spliced) continue;
    framed.splices.push_back({framed.bytes.size(), splice->payload, std::move(splice->keeper)});
    ++splice;
  }
  output.splices.clear();
}

}  // namespace transport
