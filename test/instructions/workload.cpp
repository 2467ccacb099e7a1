#include "test/instructions/workload.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

#include "broker/core/trace_sink.h"
#include "broker/shard_admin.h"
#include "broker/wire/ack.h"
#include "broker/wire/connect.h"
#include "broker/wire/cursor.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"
#include "test/host.h"
#include "transport/loop_counts.h"
#include "transport/packet_frames.h"
#include "transport/trace.h"

namespace test {
namespace {

using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Version;

constexpr broker::Instant start{1'000'000};
constexpr std::array<std::byte, 4> mask{std::byte{0x12}, std::byte{0x34}, std::byte{0x56},
                                        std::byte{0x78}};

void put_connect(mqtt::ByteBuffer& out, std::string_view id, const Traffic& traffic) {
  const mqtt::Connect packet{
      .version = traffic.version, .clean_start = !traffic.stored, .client_id = id};
  mqtt::encode(packet, out);
}

void put_subscribe(mqtt::ByteBuffer& out, std::string_view filter, const Traffic& traffic) {
  const mqtt::Subscribe packet{.packet_id = mqtt::PacketId{1},
                               .entries = {{.filter = filter, .qos = traffic.qos}}};
  mqtt::encode(packet, traffic.version, out);
}

void put_ack(mqtt::ByteBuffer& out, PacketType type, std::uint16_t packet_id) {
  mqtt::encode(mqtt::Ack{.type = type, .packet_id = mqtt::PacketId{packet_id}}, Version::v3_1_1,
               out);
}

/// Wraps what is in `bytes` into one masked binary frame.
void put_into_frame(mqtt::ByteBuffer& bytes) {
  std::array<std::byte, transport::websocket_header_bytes_max> header;
  const std::size_t size =
      transport::write_websocket_header(header, transport::WebSocketOpcode::binary, bytes.size());
  header[1] |= std::byte{0x80};
  mqtt::ByteBuffer frame;
  frame.append(std::span<const std::byte>(header).first(size));
  frame.append(mask);
  const std::size_t at = frame.size();
  frame.append(bytes.view());
  transport::unmask({frame.data() + at, bytes.size()}, mask);
  std::swap(bytes, frame);
}

/// Size of the header of a frame that the broker sent: a packet is behind it.
std::size_t frame_header_size(mqtt::Bytes bytes) {
  const auto length = std::to_integer<unsigned>(bytes[1]);
  if (length < 126) return 2;
  return length == 126 ? 4 : 10;
}

/// A load whose counts are wrong proves nothing.
void insist(bool good, const char* what) {
  if (good) return;
  (void)std::fprintf(stderr, "workload: %s\n", what);
  std::abort();
}

broker::ShardOptions options_of(const Traffic& traffic) {
  broker::ShardOptions options;
  options.home_key[0] = 1;
  options.home_key[1] = 2;
  options.version = "0";
  options.limits.sys_interval_seconds = 0;
  options.limits.text_rule = traffic.text_rule;
  options.limits.max_inflight_messages = 0;
  options.limits.max_queued_messages = 0;
  if (traffic.stored) options.durability = broker::Durability::commit;
  broker::ListenerPolicy policy;
  policy.open_to_all = true;
  options.listeners.push_back(policy);
  return options;
}

/// A log that nobody reads.
class Silence final : public broker::Log {
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

/// A trace that follows none of the clients, and none of their topics.
class OtherTrace final : public broker::TraceSink {
  [[nodiscard]] bool follows(const Subject& /*subject*/) const override { return of_publish_; }
  void tell(const Subject& /*subject*/, std::string_view /*decision*/) override {
    insist(false, "a decision was told to a trace of something else");
  }
  void identified(broker::ConnectionId /*connection*/, std::string_view /*client_id*/) override {}
  [[nodiscard]] bool follows_topic(std::string_view topic) const override {
    return trace_.follows_topic(topic);
  }
  void begin_publish(std::string_view topic) override { of_publish_ = trace_.follows_topic(topic); }
  void end_publish() override { of_publish_ = false; }
  void tell_of_topic(std::string_view /*topic*/, const Subject& /*subject*/,
                     std::string_view /*decision*/) override {
    insist(false, "a message was told to a trace of something else");
  }

  transport::Trace trace_{1, {.client = {}, .topic = "other/#", .address = {}}, {}};
  bool of_publish_ = false;
};

}  // namespace

const std::vector<Traffic>& traffics() {
  constexpr auto q1 = Qos::at_least_once;
  constexpr auto q2 = Qos::exactly_once;
  static const std::vector<Traffic> all{
      {.name = "pairs-q0"},
      // As a mosquitto.conf has it.
      {.name = "pairs-q0-no-controls", .text_rule = mqtt::TextRule::no_control_characters},
      {.name = "pairs-q1", .qos = q1},
      {.name = "pairs-q2", .qos = q2},
      {.name = "pairs-q0-v5", .version = Version::v5_0},
      {.name = "pairs-q0-w1", .messages = 1, .rounds = 100},
      {.name = "pairs-16k", .publishers = 10, .subscribers = 10, .payload_bytes = 16'384},
      {.name = "fanin-q0", .subscribers = 1},
      {.name = "fanout-q0", .publishers = 1, .subscribers = 200},
      {.name = "fanout-q1", .publishers = 1, .subscribers = 200, .qos = q1},
      {.name = "fresh-q0", .rounds = 10, .others = 5000, .fresh_topics = true},
      {.name = "ws-pairs-q0", .websocket = true},
      {.name = "pairs-q1-stored", .rounds = 10, .qos = q1, .stored = true},
      {.name = "pairs-q2-stored", .rounds = 10, .qos = q2, .stored = true},
      {.name = "pairs-q0-4-shards", .shards = 4},
      {.name = "pairs-q0-traced", .traced = true},
      {.name = "pairs-q1-traced", .qos = q1, .traced = true},
      {.name = "across-q0", .shards = 2, .across = true},
      {.name = "across-q1", .qos = q1, .shards = 2, .across = true},
      // The part of a scrape that each loop has.
      {.name = "report-100k",
       .publishers = 1,
       .subscribers = 1,
       .sessions = 100'000,
       .reports = true},
  };
  return all;
}

const Traffic* find_traffic(std::string_view name) {
  const auto found = std::ranges::find(traffics(), name, &Traffic::name);
  return found == traffics().end() ? nullptr : &*found;
}

struct Workload::Client {
  broker::ConnectionId id;
  std::uint32_t shard = 0;
  transport::WebSocketReader websocket;
  mqtt::ByteBuffer to_send;
  mqtt::ByteBuffer sending;
  mqtt::ByteBuffer received;
  std::uint32_t expects = 0;  // messages that are still to come in this round
  std::uint16_t packet_id = 0;
};

struct Workload::Station {
  explicit Station(const Traffic& traffic)
      : shards(options_of(traffic), traffic.shards, log),
        mailboxes(traffic.shards),
        websocket(traffic.websocket) {
    received.resize(traffic.shards);
    if (!traffic.traced) return;
    for (const auto& shard : shards) shard->admin().trace(&trace);
  }

  Silence log;
  OtherTrace trace;
  transport::LoopCounts counts;
  std::optional<transport::LoopReport> report;  // the last one
  Host shards;
  broker::Mailboxes mailboxes;
  std::vector<std::vector<mqtt::ByteBuffer*>> received;  // by shard and slot: what clients got
  std::vector<std::size_t> packet_begins;
  bool websocket;
};

namespace {

void receive(Workload::Station& station, std::uint32_t shard, broker::ConnectionId id,
             std::span<std::byte> bytes, transport::WebSocketReader& websocket) {
  if (station.websocket) bytes = websocket.read(bytes).payload;
  (void)station.shards[shard].received(id, bytes, start);
}

void hear(Workload::Station& station, std::uint32_t shard) {
  (void)station.mailboxes.drain(
      broker::PeerId{shard}, [&](broker::PeerId from, broker::PeerMessage message) {
        station.shards[shard].from_peer(shard_of(from), std::move(message), start);
      });
}

/// Gives output to a socket: copies it, as a kernel would.
void write_output(Workload::Station& station, mqtt::ByteBuffer& to, broker::Output& output) {
  if (station.websocket) transport::frame_packets(output, station.packet_begins);
  const mqtt::Bytes bytes = output.bytes.view();
  std::size_t at = 0;
  for (const broker::Output::Splice& splice : output.splices) {
    to.append(bytes.subspan(at, splice.offset - at));
    to.append(splice.payload);
    at = splice.offset;
  }
  to.append(bytes.subspan(at));
}

/// The loops' part; what is to be stored is on disk at once.
struct Loops final : Host::Part {
  explicit Loops(Workload::Station& all) : station(all) {}
  void journal(std::uint32_t /*index*/, broker::Shard& shard) {
    if (const auto batch = shard.take_journal(start, true)) shard.committed(batch->position, start);
  }
  void mail(std::uint32_t index, std::uint32_t to, std::vector<broker::PeerMessage>& messages) {
    (void)station.mailboxes.push(broker::PeerId{index}, broker::PeerId{to}, messages);
  }
  void write(std::uint32_t index, broker::ConnectionId id, broker::Output& output) {
    write_output(station, *station.received[index][id.slot], output);
  }
  Workload::Station& station;
};

/// The end of a turn.
void flush(Workload::Station& station, std::uint32_t index) {
  Loops loops(station);
  (void)station.shards.flush_round(index, start, loops);
}

/// As Loop::report() does, for the main thread.
void report(Workload::Station& station, std::uint32_t shard) {
  station.report.emplace(transport::LoopReport{station.shards[shard].metrics(), station.counts});
}

}  // namespace
}  // namespace test

// A profiler finds these by name; nothing may be inlined, or copied for one caller.

extern "C" {

[[gnu::noinline, gnu::used]] void counted_receive(test::Workload::Station& station,
                                                  std::uint32_t shard, broker::ConnectionId id,
                                                  std::span<std::byte> bytes,
                                                  transport::WebSocketReader& websocket) {
  test::receive(station, shard, id, bytes, websocket);
}

[[gnu::noinline, gnu::used]] void counted_hear(test::Workload::Station& station,
                                               std::uint32_t shard) {
  test::hear(station, shard);
}

[[gnu::noinline, gnu::used]] void counted_flush(test::Workload::Station& station,
                                                std::uint32_t shard) {
  test::flush(station, shard);
}

[[gnu::noinline, gnu::used]] void counted_report(test::Workload::Station& station,
                                                 std::uint32_t shard) {
  test::report(station, shard);
}
}

namespace test {

Workload::Workload(const Traffic& traffic)
    : traffic_(traffic), station_(std::make_unique<Station>(traffic)) {
  for (std::uint32_t i = 0; i < traffic.publishers; ++i) connect(0, "publisher", i);
  for (std::uint32_t i = 0; i < traffic.subscribers; ++i) {
    connect(traffic.across ? 1 : 0, "subscriber", i);
  }
  settle();
  subscribe_all();
  make_sessions();
  // Buffers, tables and kept routes grow to what they need.
  for (int i = 0; i < 3; ++i) round();
  delivered_ = 0;
  counting_ = true;
}

Workload::~Workload() = default;

/// Connects a client whose home is that shard.
Workload::Client& Workload::connect(std::uint32_t shard, std::string_view role,
                                    std::uint32_t number) {
  std::string name;
  do {
    name = std::string(role) + "-" + std::to_string(number) + "-" + std::to_string(names_++);
  } while (station_->shards[shard].home_of(name) != broker::ShardIndex{shard});
  auto client = std::make_unique<Client>();
  auto& slots = station_->received[shard];
  client->id = {static_cast<std::uint32_t>(slots.size()), 1};
  client->shard = shard;
  slots.push_back(&client->received);
  station_->shards[shard].opened(client->id, {0, 1, "127.0.0.1", "mqtt"}, start);
  put_connect(client->to_send, name, traffic_);
  return *clients_.emplace_back(std::move(client));
}

void Workload::subscribe(Client& client, std::string_view filter) {
  put_subscribe(client.to_send, filter, traffic_);
  settle();
}

void Workload::subscribe_all() {
  for (std::uint32_t i = 0; i < traffic_.subscribers; ++i) {
    Client& client = *clients_[traffic_.publishers + i];
    if (traffic_.fresh_topics) {
      subscribe(client, "fleet/" + std::to_string(i) + "/+/status");
    } else if (traffic_.subscribers < traffic_.publishers) {
      subscribe(client, "bench/#");
    } else {
      subscribe(client, topic_of(i % traffic_.publishers, 0));
    }
  }
  for (std::uint32_t i = 0; i < traffic_.others; ++i) {
    const std::string number = std::to_string(i + traffic_.subscribers);
    Client& client = *clients_[traffic_.publishers + i % traffic_.subscribers];
    subscribe(client, i % 2 == 0 ? "fleet/" + number + "/#" : "fleet/+/engine/" + number);
  }
}

void Workload::make_sessions() {
  if (traffic_.sessions == 0) return;
  broker::Shard& shard = station_->shards[0];
  mqtt::ByteBuffer answers;
  station_->received[0].push_back(&answers);
  broker::ConnectionId id{static_cast<std::uint32_t>(station_->received[0].size() - 1), 0};
  for (std::uint32_t i = 0; i < traffic_.sessions; ++i) {
    ++id.generation;
    const std::string name = "away-" + std::to_string(i);
    mqtt::ByteBuffer packet;
    mqtt::encode(
        mqtt::Connect{.version = traffic_.version, .clean_start = false, .client_id = name},
        packet);
    shard.opened(id, {0, 1, "127.0.0.1", "mqtt"}, start);
    (void)shard.received(id, packet.view(), start);
    shard.closed(id, broker::CloseCause::peer_closed, start);
    end_turn(0);
    answers.clear();
  }
  station_->received[0].pop_back();
  insist(shard.metrics().sessions >= traffic_.sessions, "sessions are missing");
}

std::string Workload::topic_of(std::uint32_t publisher, std::uint32_t message) const {
  if (!traffic_.fresh_topics) return "bench/pairs/" + std::to_string(publisher);
  return "fleet/" + std::to_string(publisher) + "/" +
         std::to_string(message + 1000 * (delivered_ % 997)) + "/status";
}

void Workload::round() {
  if (traffic_.reports) {
    count(counted_report, report, 0U);
    ++delivered_;
    return;
  }
  const bool all = traffic_.subscribers < traffic_.publishers;
  const std::uint64_t before = delivered_;
  for (std::uint32_t i = 0; i < traffic_.publishers; ++i) publish(*clients_[i], i);
  settle();
  const std::uint64_t receivers = all ? traffic_.publishers * traffic_.subscribers
                                      : std::max(traffic_.publishers, traffic_.subscribers);
  insist(delivered_ - before == receivers * traffic_.messages, "messages are missing");
}

void Workload::publish(Client& client, std::uint32_t publisher) {
  const std::string payload(traffic_.payload_bytes, 'x');
  for (std::uint32_t i = 0; i < traffic_.messages; ++i) {
    const std::string topic = topic_of(publisher, i);
    mqtt::OutgoingPublish packet{
        .topic = topic, .payload = mqtt::as_bytes(payload), .qos = traffic_.qos};
    if (traffic_.qos != Qos::at_most_once) {
      if (++client.packet_id == 0) ++client.packet_id;
      packet.packet_id = mqtt::PacketId{client.packet_id};
    }
    mqtt::encode(packet, traffic_.version, client.to_send);
  }
}

void Workload::settle() {
  while (turn()) {
  }
}

bool Workload::turn() {
  bool busy = false;
  for (const auto& client : clients_) {
    if (client->to_send.empty()) continue;
    busy = true;
    send(*client);
    for (std::uint32_t i = 0; i < traffic_.shards; ++i) {
      // Large payloads are written from where they were received.
      if (station_->shards[i].outbox().borrows()) end_turn(i);
    }
  }
  for (std::uint32_t i = 0; i < traffic_.shards; ++i) {
    end_turn(i);
    busy = busy || !station_->shards[i].outbox().empty() ||
           !station_->mailboxes.empty(broker::PeerId{i});
  }
  for (const auto& client : clients_) {
    if (client->received.empty()) continue;
    read(*client, client->received.view());
    client->received.clear();
    busy = true;
  }
  return busy;
}

/// Calls one of two functions that do the same.
template <typename Function, typename... Arguments>
void Workload::count(Function counted, Function plain, Arguments&&... arguments) {
  if (!counting_) return plain(*station_, std::forward<Arguments>(arguments)...);
  const auto before = std::chrono::steady_clock::now();
  counted(*station_, std::forward<Arguments>(arguments)...);
  time_counted_ += std::chrono::steady_clock::now() - before;
}

void Workload::end_turn(std::uint32_t shard) {
  if (traffic_.shards > 1) count(counted_hear, hear, shard);
  count(counted_flush, flush, shard);
}

void Workload::send(Client& client) {
  std::swap(client.sending, client.to_send);
  client.to_send.clear();
  if (traffic_.websocket) put_into_frame(client.sending);
  const std::span<std::byte> bytes(client.sending.data(), client.sending.size());
  count(counted_receive, receive, client.shard, client.id, bytes, client.websocket);
}

void Workload::read(Client& client, mqtt::Bytes bytes) {
  while (!bytes.empty()) {
    if (traffic_.websocket) bytes = bytes.subspan(frame_header_size(bytes));
    const auto frame = mqtt::next_frame(bytes, SIZE_MAX);
    insist(frame && *frame, "a packet is broken");
    answer(client, **frame);
    bytes = bytes.subspan((*frame)->size_bytes);
  }
}

void Workload::answer(Client& client, const mqtt::Frame& frame) {
  mqtt::Cursor cursor(frame.body);
  if (frame.type == PacketType::publish) {
    ++delivered_;
    const unsigned qos = frame.flags >> 1U & 3U;
    insist(qos == static_cast<unsigned>(traffic_.qos), "the QoS is wrong");
    (void)cursor.text();
    if (qos > 0)
      put_ack(client.to_send, qos == 1 ? PacketType::puback : PacketType::pubrec,
              *cursor.two_byte_integer());
  } else if (frame.type == PacketType::pubrec) {
    put_ack(client.to_send, PacketType::pubrel, *cursor.two_byte_integer());
  } else if (frame.type == PacketType::pubrel) {
    put_ack(client.to_send, PacketType::pubcomp, *cursor.two_byte_integer());
  }
}

}  // namespace test
