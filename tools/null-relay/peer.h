#pragma once

#include <cstdint>

#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"
#include "tools/null-relay/output.h"
#include "tools/socket/descriptor.h"

namespace relay {

/// One client.
struct Peer {
  sockets::Descriptor socket;
  Output output;
  mqtt::ByteBuffer tail;  // an incomplete packet
  mqtt::Version version = mqtt::Version::v3_1_1;
  std::uint16_t packet_id = 0;    // given last
  bool has_output = false;        // is in the turn's list
  bool waits_for_socket = false;  // the poller tells when it takes bytes again
  bool gone = false;              // its end is noticed at the end of the turn
};

}  // namespace relay
