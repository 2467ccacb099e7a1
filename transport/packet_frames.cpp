#include "transport/packet_frames.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <span>

#include "transport/websocket.h"

namespace transport {

namespace {

/// Size of the packet that begins there, as its fixed header says (section 2.1.4).
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

/// Lists where packets begin, and returns how many bytes the headers of their frames take.
std::size_t find_packets(const broker::Output& output, std::vector<std::size_t>& begins) {
  begins.clear();
  const mqtt::Bytes bytes = output.bytes.view();
  auto splice = output.splices.begin();
  std::size_t headers = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    begins.push_back(at);
    const std::size_t size = packet_size(bytes.subspan(at));
    headers += websocket_header_size(size);
    at += size;
    if (splice == output.splices.end() || splice->offset >= at) continue;
    at -= splice->payload.size();
    assert(at == splice->offset);
    ++splice;
  }
  return headers;
}

}  // namespace

void frame_packets(broker::Output& output, std::vector<std::size_t>& begins) {
  const std::size_t headers = find_packets(output, begins);
  std::size_t end = output.bytes.size();
  std::size_t place = end + headers;
  // A header has less than its greatest length, but is written into a span of it.
  std::byte* const bytes = output.bytes.extend(headers + websocket_header_bytes_max) - end;
  auto splice = output.splices.rbegin();
  // From the last packet to the first one, so that no packet is overwritten before it has moved.
  for (auto begin = begins.rbegin(); begin != begins.rend(); ++begin) {
    const std::size_t here = end - *begin;
    std::size_t size = here;
    if (splice != output.splices.rend() && splice->offset == end) {
      size += splice->payload.size();
      splice->offset = place;
      ++splice;
    }
    place -= here;
    std::memmove(bytes + place, bytes + *begin, here);
    place -= websocket_header_size(size);
    (void)write_websocket_header(
        std::span<std::byte, websocket_header_bytes_max>(bytes + place, websocket_header_bytes_max),
        WebSocketOpcode::binary, size);
    end = *begin;
  }
  assert(place == 0);
  output.bytes.truncate(output.bytes.size() - websocket_header_bytes_max);
}

}  // namespace transport
