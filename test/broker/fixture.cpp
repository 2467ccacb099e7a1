#include "test/broker/fixture.h"

#include <cassert>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "broker/core/shard_figures.h"
#include "broker/restart.h"
#include "broker/shard_renewal.h"
#include "broker/shard_transfer.h"
#include "broker/wire/framer.h"
#include "test/core/stream.h"
#include "test/vectors/decode_any.h"

namespace test {
namespace {

/// Reads what the broker wrote; fails the test when that is not a packet.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  unsigned byte() { return static_cast<unsigned char>(take(1)[0]); }
  unsigned two() {
    const unsigned high = byte();
    return high << 8U | byte();
  }
  std::uint32_t four() {
    const std::uint32_t high = two();
    return high << 16U | two();
  }
  std::uint32_t variable() {
    std::uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const unsigned part = byte();
      value |= (part & 0x7FU) << shift;
      if ((part & 0x80U) == 0) return value;
    }
  }
  std::string text() { return std::string(take(two())); }
  std::string_view take(std::size_t count) {
    if (rest_.size() < count) FAIL("the broker wrote a packet that ends too early");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  bool empty() const { return rest_.empty(); }
  std::string rest() { return std::string(take(rest_.size())); }

 private:
  std::string_view rest_;
};

std::string describe_property(Reader& reader) {
  const unsigned id = reader.byte();
  const std::string name = std::to_string(id) + "=";
  switch (id) {
    case 0x01:
    case 0x17:
    case 0x19:
    case 0x24:
    case 0x25:
    case 0x28:
    case 0x29:
    case 0x2A:
      return name + std::to_string(reader.byte());
    case 0x13:
    case 0x21:
    case 0x22:
    case 0x23:
      return name + std::to_string(reader.two());
    case 0x02:
    case 0x11:
    case 0x18:
    case 0x27:
      return name + std::to_string(reader.four());
    case 0x0B:
      return name + std::to_string(reader.variable());
    case 0x26: {
      const std::string key = reader.text();
      return name + key + ":" + reader.text();
    }
    default:
      return name + reader.text();
  }
}

std::string describe_properties(Reader& reader) {
  Reader block(reader.take(reader.variable()));
  std::string text;
  while (!block.empty()) {
    text += text.empty() ? " {" : " ";
    text += describe_property(block);
  }
  return text.empty() ? text : text + "}";
}

mqtt::PacketId id_of(unsigned number) {
  assert(number <= 0xFFFF);
  return mqtt::PacketId{static_cast<std::uint16_t>(number)};
}

std::string number(unsigned value) { return std::to_string(value); }

std::string hex(unsigned value) {
  char text[8];
  std::snprintf(text, sizeof text, "%02X", value);
  return text;
}

std::string describe_publish(unsigned first, Reader& body, bool v5) {
  const std::string topic = body.text();
  const unsigned qos = first >> 1U & 3U;
  const unsigned id = qos > 0 ? body.two() : 0;
  const std::string properties = v5 ? describe_properties(body) : "";
  return "PUBLISH q" + number(qos) + " r" + number(first & 1U) + " d" + number(first >> 3U & 1U) +
         " m" + number(id) + " " + topic + " " + body.rest() + properties;
}

std::string describe_body(unsigned first, Reader& body, bool v5) {
  static const char* const names[] = {"?",         "CONNECT",  "CONNACK",     "PUBLISH",
                                      "PUBACK",    "PUBREC",   "PUBREL",      "PUBCOMP",
                                      "SUBSCRIBE", "SUBACK",   "UNSUBSCRIBE", "UNSUBACK",
                                      "PINGREQ",   "PINGRESP", "DISCONNECT",  "AUTH"};
  const unsigned type = first >> 4U;
  std::string text = names[type];
  if (type == 3) return describe_publish(first, body, v5);
  if (type == 2) {
    text += " " + number(body.byte());
    text += " " + hex(body.byte());
    return v5 ? text + describe_properties(body) : text;
  }
  if (type >= 4 && type <= 7) {
    text += " m" + number(body.two());
    if (!body.empty()) text += " " + hex(body.byte());
    return body.empty() ? text : text + describe_properties(body);
  }
  if (type == 9 || type == 11) {
    text += " m" + number(body.two());
    if (v5) text += describe_properties(body);
    while (!body.empty()) text += " " + hex(body.byte());
    return text;
  }
  if (type == 14 && !body.empty()) {
    text += " " + hex(body.byte());
    if (!body.empty()) static_cast<void>(describe_properties(body));  // a reason string
  }
  return text;
}

}  // namespace

ConnectOptions lasting() {
  ConnectOptions options;
  options.clean = false;
  options.session_expiry_seconds = 0xFFFF'FFFF;
  return options;
}

std::string connect(std::string_view client_id, const ConnectOptions& options) {
  mqtt::Connect packet;
  packet.version = options.version;
  packet.clean_start = options.clean;
  packet.keep_alive_seconds = options.keep_alive_seconds;
  packet.client_id = client_id;
  packet.user_name = options.user_name;
  if (options.password) packet.password = mqtt::as_bytes(*options.password);
  packet.session_expiry_interval_seconds = options.session_expiry_seconds;
  packet.receive_maximum = options.receive_maximum;
  packet.maximum_packet_size_bytes = options.packet_bytes_max;
  packet.topic_alias_maximum = options.topic_alias_maximum;
  packet.authentication_method = options.authentication_method;
  if (!options.will_topic.empty()) {
    packet.will = mqtt::Will{.topic = options.will_topic,
                             .payload = mqtt::as_bytes(options.will_payload),
                             .qos = static_cast<mqtt::Qos>(options.will_qos),
                             .retain = options.will_retain,
                             .delay_interval_seconds = options.will_delay_seconds,
                             .message_expiry_interval_seconds = options.will_expiry_seconds,
                             .properties = mqtt::as_bytes(options.will_properties)};
  }
  return encoded(packet);
}

std::string publish(std::string_view topic, std::string_view payload, const PublishOptions& options,
                    mqtt::Version version) {
  return encoded(
      mqtt::OutgoingPublish{.topic = topic,
                            .payload = mqtt::as_bytes(payload),
                            .properties = mqtt::as_bytes(options.properties),
                            .packet_id = id_of(options.packet_id),
                            .qos = static_cast<mqtt::Qos>(options.qos),
                            .retain = options.retain,
                            .dup = options.dup,
                            .topic_alias = static_cast<std::uint16_t>(options.topic_alias),
                            .message_expiry_interval_seconds = options.expiry_seconds},
      version);
}

namespace {

/// A client takes each packet that the broker writes: its decoders are as strict as the broker's.
void check_as_client(std::string_view stream, mqtt::Version version) {
  for (mqtt::Bytes rest = mqtt::as_bytes(stream); !rest.empty();) {
    const auto frame = mqtt::next_frame(rest, rest.size(), version);
    if (!frame || !*frame) FAIL("the broker wrote bytes that are no packet");
    const auto outcome = vectors::decode_frame(**frame, version, mqtt::Side::server);
    if (outcome.failure) FAIL("a client refuses what the broker wrote: " << outcome.failure->what);
    rest = rest.subspan((*frame)->size_bytes);
  }
}

}  // namespace

std::vector<std::string> describe(std::string_view stream, mqtt::Version version) {
  check_as_client(stream, version);
  std::vector<std::string> packets;
  Reader reader(stream);
  while (!reader.empty()) {
    const unsigned first = reader.byte();
    Reader body(reader.take(reader.variable()));
    packets.push_back(describe_body(first, body, version == mqtt::Version::v5_0));
  }
  return packets;
}

bool MemoryLog::contains(std::string_view text) const {
  for (const std::string& line : lines) {
    if (line.find(text) != std::string::npos) return true;
  }
  return false;
}

broker::ListenerPolicy Broker::open_policy() {
  broker::ListenerPolicy policy;
  policy.open_to_all = true;
  return policy;
}

Broker::Broker(std::uint32_t shards, broker::Limits limits, broker::ListenerPolicy policy,
               const broker::Authority* authority) {
  broker::ShardOptions options;
  options.limits = std::move(limits);
  options.listeners.push_back(std::move(policy));
  options.authority = authority;
  make_shards(shards, std::move(options));
}

Broker::Broker(std::uint32_t shards, MemoryStore& store, broker::Limits limits,
               broker::Durability durability, broker::ListenerPolicy policy)
    : store_(&store) {
  broker::ShardOptions options;
  options.limits = std::move(limits);
  options.listeners.push_back(std::move(policy));
  options.durability = durability;
  make_shards(shards, std::move(options));
  store.load(host_->pointers(), now);
}

void Broker::make_shards(std::uint32_t shards, broker::ShardOptions options) {
  options.home_key[0] = 0x0123456789ABCDEF;
  options.home_key[1] = 0xFEDCBA9876543210;
  options.version = "test";
  if (options.limits.sys_interval_seconds == 10) options.limits.sys_interval_seconds = 0;
  host_.emplace(std::move(options), shards, log);
  host_->tick(now);
}

broker::ConnectionId Broker::open_on(std::uint32_t shard, bool moved) {
  const broker::ConnectionId id{next_slot_++, 7};
  (*host_)[shard].opened(id, {0, 4711, address, "mqtt", tls_user, {}, refusal, deadline, moved},
                         now);
  return id;
}

Broker::Client Broker::open() {
  const std::uint32_t shard = next_shard_++ % host_->size();
  Connection connection;
  connection.shard = shard;
  connection.id = open_on(shard);
  connections_.push_back(std::move(connection));
  return connections_.size() - 1;
}

Broker::Client Broker::client(std::string_view id, const ConnectOptions& options) {
  const Client opened = open();
  connections_[opened].version = options.version;
  send(opened, connect(id, options));
  return opened;
}

std::expected<Broker::Client, broker::TransferFault> Broker::adopt(
    const broker::SessionImage& image) {
  Connection connection;
  connection.shard = host_->home_of(image.client_id);
  connection.id = {next_slot_++, 7};
  connection.version = image.version;
  const Client client = connections_.size();
  connections_.push_back(std::move(connection));
  const Connection& made = connections_.back();
  const auto adopted = shard(made.shard).transfer().adopt(image, made.id, now);
  if (!adopted) return std::unexpected(adopted.error());
  settle();
  return client;
}

void Broker::release(std::string_view client_id) {
  shard(host_->home_of(client_id)).transfer().release(client_id, now);
  settle();
}

void Broker::send(Client client, std::string_view bytes) {
  const std::size_t step = feed == Feed::whole    ? bytes.size()
                           : feed == Feed::halves ? (bytes.size() + 1) / 2
                                                  : 1;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    Connection& connection = connections_[client];
    if (connection.closed) return;
    // An exactly sized heap copy: reading past the end is seen by the sanitizer.
    const std::string_view piece = bytes.substr(at, step);
    const std::vector<char> copy(piece.begin(), piece.end());
    const bool go_on =
        shard(connection.shard)
            .received(connection.id, mqtt::as_bytes({copy.data(), copy.size()}), now);
    connection.muted = !go_on;
    settle();
  }
}

void Broker::feed_once(Client client, std::string_view bytes) {
  const Connection& connection = connections_[client];
  shard(connection.shard).received(connection.id, mqtt::as_bytes(bytes), now);
}

std::size_t Broker::pending_bytes() const {
  std::size_t sum = 0;
  for (const Connection& connection : connections_) {
    sum += (*host_)[connection.shard].outbox().pending_bytes(connection.id);
  }
  return sum;
}

void Broker::subscribe(Client client, std::string_view filter, const SubscribeOptions& options) {
  const mqtt::SubscribeEntry entry{
      .filter = filter,
      .qos = static_cast<mqtt::Qos>(options.qos),
      .no_local = (options.extra & 0x04U) != 0,
      .retain_as_published = (options.extra & 0x08U) != 0,
      .retain_handling = static_cast<mqtt::RetainHandling>(options.extra >> 4U)};
  send(client, encoded(mqtt::Subscribe{.packet_id = id_of(options.packet_id),
                                       .subscription_identifier = options.identifier,
                                       .entries = {entry}},
                       connections_[client].version));
}

void Broker::unsubscribe(Client client, std::string_view filter) {
  send(client, encoded(mqtt::Unsubscribe{.packet_id = mqtt::PacketId{11}, .filters = {filter}},
                       connections_[client].version));
}

void Broker::publish(Client client, std::string_view topic, std::string_view payload,
                     const PublishOptions& options) {
  send(client, test::publish(topic, payload, options, connections_[client].version));
}

void Broker::ack(Client client, mqtt::PacketType type, unsigned packet_id, mqtt::Reason reason) {
  send(client, encoded(mqtt::Ack{.type = type, .packet_id = id_of(packet_id), .reason = reason},
                       connections_[client].version));
}

void Broker::disconnect(Client client, const mqtt::Disconnect& packet) {
  send(client, encoded(packet, connections_[client].version));
}

void Broker::lose(Client client) {
  Connection& connection = connections_[client];
  if (connection.closed) return;
  connection.closed = true;
  shard(connection.shard).closed(connection.id, broker::CloseCause::connection_lost, now);
  settle();
}

void Broker::pass_milliseconds(std::int64_t milliseconds) {
  const broker::Instant end = broker::after_milliseconds(now, milliseconds);
  while (now < end) {
    now = std::min(end, broker::after_milliseconds(now, 100));
    for (const auto& shard : *host_) {
      while (shard->tick(now)) settle();
    }
    settle();
  }
}

void Broker::set_queued(Client client, std::size_t bytes) {
  Connection& connection = connections_[client];
  connection.queued_bytes = bytes;
  shard(connection.shard).writable(connection.id, bytes, now);
  settle();
}

std::vector<std::string> Broker::received(Client client) {
  Connection& connection = connections_[client];
  return describe(std::exchange(connection.output, {}), connection.version);
}

std::vector<std::string> Broker::publishes(Client client) {
  std::vector<std::string> only;
  for (std::string& packet : received(client)) {
    if (packet.starts_with("PUBLISH")) only.push_back(std::move(packet));
  }
  return only;
}

std::vector<std::string> Broker::take_all(Client client) {
  std::vector<std::string> payloads;
  for (bool more = true; more;) {
    more = false;
    for (const std::string& packet : received(client)) {
      const auto id =
          static_cast<unsigned>(std::strtoul(packet.c_str() + packet.find('m') + 1, nullptr, 10));
      if (packet.starts_with("PUBLISH")) payloads.push_back(packet.substr(packet.rfind(' ') + 1));
      if (packet.starts_with("PUBLISH q1")) puback(client, id);
      if (packet.starts_with("PUBLISH q2")) pubrec(client, id);
      if (packet.starts_with("PUBREL")) pubcomp(client, id);
      more = true;
    }
  }
  return payloads;
}

broker::Metrics Broker::metrics() const {
  broker::Metrics sum;
  for (const auto& shard : *host_) broker::merge(broker::shard_figures(), sum, shard->metrics());
  return sum;
}

Broker::Client Broker::owner(std::uint32_t shard, broker::ConnectionId id) const {
  for (Client i = 0; i < connections_.size(); ++i) {
    if (connections_[i].shard == shard && connections_[i].id == id) return i;
  }
  FAIL("output for a connection that nobody opened");
  return 0;
}

void Broker::settle() {
  for (bool busy = !apart; busy;) {
    busy = false;
    for (std::uint32_t i = 0; i < host_->size(); ++i) busy = settle_shard(i) || busy;
  }
}

void Broker::sync(std::size_t count) {
  if (renewal_) return end_renewal();
  for (; !writing_.empty() && count > 0; --count) {
    const Writing next = std::move(writing_.front());
    writing_.pop_front();
    store_->apply(next.batch);
    shard(next.shard).committed(next.batch.position, now);
    settle();
  }
}

void Broker::renew_store() {
  const bool were_apart = std::exchange(apart, false);
  settle();
  apart = were_apart;
  writing_.clear();
  renewal_.reset();
  *store_ = {};
  const std::vector<broker::Shard*> all = host_->pointers();
  const std::vector<std::uint64_t> positions = broker::rewrite(
      all, now, [this](const broker::JournalBatch& batch) { store_->apply(batch); });
  for (std::size_t i = 0; i < all.size(); ++i) all[i]->committed(positions[i], now);
  settle();
}

void Broker::begin_renewal() {
  const bool were_apart = std::exchange(apart, false);
  settle();
  apart = were_apart;
  writing_.clear();
  renewal_.emplace(shards());
}

void Broker::renew(std::uint32_t index, std::size_t rows) {
  using Stage = Renewal::Stage;
  if (!renewal_) return;
  Stage& stage = renewal_->stages[index];
  broker::JournalBatch batch;
  batch.portion_rows = rows;
  if (stage == Stage::begin) {
    shard(index).renewal().begin();
    stage = Stage::rows;
  } else if (stage == Stage::rows) {
    if (shard(index).renewal().renew(batch)) return renewal_->store.apply(batch);
    stage = Stage::end;
    --renewal_->walking;
  } else if (stage == Stage::end && renewal_->walking == 0) {
    batch = shard(index).renewal().end(now);
    renewal_->positions[index] = batch.position;
    stage = Stage::over;
    --renewal_->left;
  }
  renewal_->store.apply(batch);
}

void Broker::renew_all(std::size_t rows) {
  while (renewal_ && renewal_->left > 0) {
    for (std::uint32_t i = 0; i < shards(); ++i) renew(i, rows);
  }
  sync();
}

void Broker::end_renewal() {
  if (renewal_->left > 0) return;
  *store_ = std::move(renewal_->store);
  const std::vector<std::uint64_t> positions = std::move(renewal_->positions);
  renewal_.reset();
  for (std::uint32_t i = 0; i < shards(); ++i) shard(i).committed(positions[i], now);
  settle();
}

class Broker::Loops final : public Host::Part {
 public:
  explicit Loops(Broker& broker) : broker_(broker) {}

  void journal(std::uint32_t index, broker::Shard& shard) {
    if (broker_.store_ == nullptr) return;
    if (auto batch = shard.take_journal(broker_.now)) {
      if (broker_.renewing()) return;  // it is part of what the shard gives then
      broker_.writing_.push_back({index, std::move(*batch)});
      if (!broker_.disk_stalls) broker_.sync(1);
    }
  }
  void login(std::uint32_t index, const broker::LoginRequest& request) {
    broker::Verdict verdict{mqtt::Reason::success, broker_.permissions};
    const auto known = broker_.verdicts.find(request.user.value_or(""));
    if (known != broker_.verdicts.end()) verdict.reason = known->second;
    broker_.shard(index).decided(request.connection, verdict, broker_.now);
  }
  void hand_off(std::uint32_t index, const broker::HandoffRequest& request) {
    Connection& connection = of(index, request.connection);
    connection.shard = static_cast<std::uint32_t>(request.home);
    connection.id = broker_.open_on(connection.shard, true);
    broker_.shard(connection.shard)
        .received_before_move(connection.id, request.unread, broker_.now);
  }
  void mail(std::uint32_t index, std::uint32_t to, std::vector<broker::PeerMessage>& messages) {
    broker_.host_->deliver(index, to, messages, broker_.now);
  }
  void write(std::uint32_t index, broker::ConnectionId id, const broker::Output& output) {
    of(index, id).output += stream_of(output);
  }
  void close(std::uint32_t index, const broker::CloseRequest& request) {
    of(index, request.connection).closed = true;
  }
  void resume(std::uint32_t index, const broker::ResumeRequest& request) {
    of(index, request.connection).muted = false;
  }
  std::size_t queued_bytes(std::uint32_t index, broker::ConnectionId id) {
    return of(index, id).queued_bytes;
  }

 private:
  Connection& of(std::uint32_t index, broker::ConnectionId id) {
    return broker_.connections_[broker_.owner(index, id)];
  }

  Broker& broker_;
};

bool Broker::settle_shard(std::uint32_t index) {
  Loops loops(*this);
  return host_->end_turn(index, now, loops);
}

}  // namespace test
