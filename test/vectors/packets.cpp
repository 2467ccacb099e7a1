#include "test/vectors/packets.h"

#include <iterator>

namespace vectors {

Packets all_packets() {
  Packets all;
  for (const auto part : {framing_packets, connect_packets, publish_packets, ack_packets,
                          subscribe_packets, disconnect_packets, property_packets}) {
    Packets packets = part();
    all.insert(all.end(), std::make_move_iterator(packets.begin()),
               std::make_move_iterator(packets.end()));
  }
  return all;
}

}  // namespace vectors
