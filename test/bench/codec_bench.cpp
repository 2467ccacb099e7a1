#include <benchmark/benchmark.h>
#include <cstdint>
#include <string>

#include "broker/wire/ack.h"
#include "broker/wire/cursor.h"
#include "broker/wire/framer.h"
#include "broker/wire/publish.h"

namespace {

using mqtt::Version;

/// A PUBLISH with a topic of three levels and 64 bytes of payload.
mqtt::ByteBuffer publish_packet(mqtt::Qos qos, Version version) {
  static const std::string payload(64, 'x');
  mqtt::OutgoingPublish packet;
  packet.topic = "bench/pairs/7";
  packet.payload = mqtt::as_bytes(payload);
  packet.qos = qos;
  packet.packet_id = mqtt::PacketId{7};
  mqtt::ByteBuffer bytes;
  (void)mqtt::encode(packet, version, bytes);
  return bytes;
}

void decode_publish(benchmark::State& state) {
  const auto version = static_cast<Version>(state.range(0));
  const mqtt::ByteBuffer bytes = publish_packet(mqtt::Qos::at_least_once, version);
  for (auto _ : state) {
    const auto frame = mqtt::next_frame(bytes.view(), 1000);
    auto packet = mqtt::decode_publish(**frame, version);
    benchmark::DoNotOptimize(packet);
  }
}

void encode_publish(benchmark::State& state) {
  const auto version = static_cast<Version>(state.range(0));
  const std::string payload(64, 'x');
  mqtt::OutgoingPublish packet;
  packet.topic = "bench/pairs/7";
  packet.payload = mqtt::as_bytes(payload);
  mqtt::ByteBuffer bytes;
  for (auto _ : state) {
    bytes.clear();
    auto encoded = mqtt::encode(packet, version, bytes);
    benchmark::DoNotOptimize(encoded);
    benchmark::ClobberMemory();
  }
}

void decode_and_encode_ack(benchmark::State& state) {
  mqtt::ByteBuffer bytes;
  mqtt::encode(mqtt::Ack{mqtt::PacketType::puback, mqtt::PacketId{7}}, Version::v3_1_1, bytes);
  mqtt::ByteBuffer out;
  for (auto _ : state) {
    const auto frame = mqtt::next_frame(bytes.view(), 1000);
    const auto ack = mqtt::decode_ack(**frame, Version::v3_1_1);
    out.clear();
    mqtt::encode(*ack, Version::v3_1_1, out);
    benchmark::ClobberMemory();
  }
}

BENCHMARK(decode_publish)->Arg(4)->Arg(5);
BENCHMARK(encode_publish)->Arg(4)->Arg(5);
BENCHMARK(decode_and_encode_ack);

}  // namespace
