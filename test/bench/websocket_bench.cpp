#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "broker/core/outbox.h"
#include "broker/wire/cursor.h"
#include "transport/packet_frames.h"
#include "transport/websocket.h"

namespace {

constexpr std::array<std::byte, 4> mask{std::byte{0x12}, std::byte{0x34}, std::byte{0x56},
                                        std::byte{0x78}};

void unmask(benchmark::State& state) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    transport::unmask(bytes, mask);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

/// A read of 64 KiB full of masked frames with payloads of that size.
void read_frames(benchmark::State& state) {
  const auto payload = static_cast<std::size_t>(state.range(0));
  std::vector<std::byte> stream;
  while (stream.size() < 65'536) {
    std::array<std::byte, transport::websocket_header_bytes_max> header;
    const std::size_t size =
        transport::write_websocket_header(header, transport::WebSocketOpcode::binary, payload);
    header[1] |= std::byte{0x80};
    stream.insert(stream.end(), header.begin(), header.begin() + static_cast<std::ptrdiff_t>(size));
    stream.insert(stream.end(), mask.begin(), mask.end());
    stream.resize(stream.size() + payload);
  }
  std::vector<std::byte> bytes(stream.size());
  transport::WebSocketReader reader;
  for (auto _ : state) {
    // The reader unmasks in place, so it is given a copy; copying is part of the time.
    std::ranges::copy(stream, bytes.begin());
    benchmark::DoNotOptimize(reader.read(bytes).payload.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
}

/// A PUBLISH of that size to the topic "t".
mqtt::ByteBuffer publish_of(std::size_t size) {
  const std::size_t length_bytes = size < 130 ? 1 : 2;
  mqtt::ByteBuffer packet;
  packet.push_back(0x30);
  mqtt::write_variable_byte_integer(packet, static_cast<std::uint32_t>(size - 1 - length_bytes));
  mqtt::write_text(packet, "t");
  packet.append(std::string(size - packet.size(), 'x'));
  return packet;
}

/// A turn's output of 32 KiB, packets of that size, is written anew and framed; `frames` off: the
/// writing alone, to be taken off the figure.
void output_of_packets(benchmark::State& state, bool frames) {
  const mqtt::ByteBuffer packet = publish_of(static_cast<std::size_t>(state.range(0)));
  mqtt::ByteBuffer packets;
  while (packets.size() < 32'768) packets.append(packet.view());
  broker::Output output;
  std::vector<std::size_t> begins;
  for (auto _ : state) {
    output.bytes.clear();
    output.bytes.append(packets.view());
    if (frames) transport::frame_packets(output, begins);
    benchmark::DoNotOptimize(output.bytes.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(packets.size() / packet.size()));
}

void write_packets(benchmark::State& state) { output_of_packets(state, false); }
void frame_packets(benchmark::State& state) { output_of_packets(state, true); }

BENCHMARK(write_packets)->Arg(5)->Arg(120)->Arg(1000)->Arg(4000);
BENCHMARK(frame_packets)->Arg(5)->Arg(120)->Arg(1000)->Arg(4000);
BENCHMARK(unmask)->Arg(100)->Arg(65'536);
BENCHMARK(read_frames)->Arg(100)->Arg(16'384);

}  // namespace
