#include "transport/link/stages.h"

#include <cassert>
#include <utility>

namespace transport {

void LinkStages::begin(mqtt::ByteBuffer& /*wire*/) { open_ = true; }

mqtt::Bytes LinkStages::read(std::span<std::byte> bytes, mqtt::ByteBuffer& /*wire*/) {
  return bytes;
}

void LinkStages::write(mqtt::ByteBuffer& packets, mqtt::ByteBuffer& wire) {
  assert(open_);
  if (wire.empty()) {
    std::swap(wire, packets);
  } else {
    wire.append(packets.view());
    packets.clear();
  }
}

void LinkStages::close(mqtt::ByteBuffer& /*wire*/) {}

LinkEnd LinkStages::socket_ended() const {
  return {LinkFault::none, 0, options_.address.text() + ": the server closed the connection"};
}

std::string_view LinkStages::awaited() const noexcept { return "nothing"; }

std::string LinkStages::description() const { return {}; }

}  // namespace transport
