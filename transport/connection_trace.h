// transport/connection_trace.h
#pragma once

#include <string>

#include "broker/trace/packet_cutter.h"
#include "broker/wire/protocol.h"
#include "transport/trace.h"

namespace transport {

/// All that traces need to know of a connection that they follow, or may follow once its client
/// identifier is known.
///
/// Lifetime   A part of the connection; it moves to another loop with it.
struct ConnectionTrace {
  TraceSet traces = 0;             // of the loop's list: those that follow it
  bool identified = false;         // its client identifier is known
  bool first_packet_seen = false;  // or the trace began later
  mqtt::Version version = mqtt::Version::v3_1_1;
  std::string client_id;
  trace::PacketCutter input;
  trace::PacketCutter output;
};

}  // namespace transport
