// transport/packet_frames.h
#pragma once

#include <cstddef>
#include <vector>

#include "broker/core/outbox.h"

namespace transport {

/// Puts each MQTT packet of a turn's output into a WebSocket frame of its own.
///
/// Shape      packet packet(payload) packet -> [header packet] [header packet(payload)] [header
///            packet]: packets move apart within `output.bytes`, and a payload that is spliced in
///            stays where it is.
///            The specification does not ask for it [MQTT-6.0.0-2], clients do: Paho C reads one
///            packet of a frame and then waits for the next frame, others refuse messages of
///            more than some kilobytes, and on a slow link a client gets nothing of a frame
///            before all of it is there. Mosquitto sends one packet in a frame, too.
/// Requires   `output` holds whole packets, a splice being the end of one.
/// Memory     `begins` is scratch memory that the caller keeps from call to call.
/// Cost       6 ns for each packet of up to 120 bytes, 17 ns with 1000 bytes, and with 4000 bytes,
///            the largest that is moved, 45 to 50 ns, one part in a hundred of what such a message
///            costs (`bench_core --benchmark_filter=_packets`). Moving is cheaper than a gathering
///            write: a header and a packet as pieces of their own cost the kernel 60 ns more.
///            Payloads of splice_bytes_min and more are spliced.
void frame_packets(broker::Output& output, std::vector<std::size_t>& begins);

}  // namespace transport
