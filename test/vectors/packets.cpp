#include "test/vectors/packets.h"

#include <initializer_list>
#include <iterator>

namespace vectors {

namespace {

Packets joined(std::initializer_list<Packets (*)()> parts, mqtt::Side sent_by) {
  Packets all;
  const auto append = [&](Packets packets) {
    all.insert(all.end(), std::make_move_iterator(packets.begin()),
               std::make_move_iterator(packets.end()));
  };
  for (const auto part : parts) append(part());
  append(property_packets(sent_by));
  return all;
}

}  // namespace

Packets all_packets() {
  return joined({framing_packets, connect_packets, publish_packets, ack_packets, subscribe_packets,
                 disconnect_packets},
                mqtt::Side::client);
}

Packets all_server_packets() {
  return joined({connack_packets, suback_packets, server_publish_packets, ack_packets,
                 server_farewell_packets},
                mqtt::Side::server);
}

}  // namespace vectors
