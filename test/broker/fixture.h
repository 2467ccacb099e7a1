#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/session_image.h"
#include "broker/shard.h"
#include "broker/shard_transfer.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"
#include "test/broker/memory_store.h"
#include "test/host.h"
#include "test/packets.h"

namespace test {

struct ConnectOptions {
  mqtt::Version version = mqtt::Version::v5_0;
  bool clean = true;
  std::uint16_t keep_alive_seconds = 0;
  // Properties, of 5.0 alone.
  std::uint32_t session_expiry_seconds = 0;
  std::uint16_t receive_maximum = 65'535;
  std::uint32_t packet_bytes_max = 0;  // 0: no limit
  std::uint16_t topic_alias_maximum = 0;
  std::optional<std::string> authentication_method{};
  std::optional<std::string> user_name{};
  std::optional<std::string> password{};
  std::string will_topic{};  // empty: no will
  std::string will_payload = "gone";
  std::uint32_t will_delay_seconds = 0;
  std::optional<std::uint32_t> will_expiry_seconds{};
  std::string will_properties{};  // a block of those that subscribers get
  unsigned will_qos = 0;
  bool will_retain = false;
};
std::string connect(std::string_view client_id, const ConnectOptions& options = {});
/// The options of a client with a session that never ends.
ConnectOptions lasting();

struct SubscribeOptions {
  unsigned packet_id = 10;
  unsigned qos = 0;
  unsigned extra = 0;  // no local 0x04, retain as published 0x08, retain handling 0x10 0x20
  std::uint32_t identifier = 0;
};

struct PublishOptions {
  unsigned qos = 0;
  unsigned packet_id = 1;
  bool retain = false;
  bool dup = false;
  unsigned topic_alias = 0;  // 0: none
  std::optional<std::uint32_t> expiry_seconds{};
  std::string properties{};  // a block of further ones
};
std::string publish(std::string_view topic, std::string_view payload, const PublishOptions& options,
                    mqtt::Version version = mqtt::Version::v5_0);

/// How a stream is cut into the pieces that a shard is fed with.
enum class Feed : std::uint8_t { whole, halves, bytes };

/// Packets to a client as text, one each: "PUBLISH q1 r0 d0 m1 a/b hi", with properties of 5.0 as
/// " {11=7}" by identifier. Fails the test if a client's decoders refuse one of them.
std::vector<std::string> describe(std::string_view stream, mqtt::Version version);

/// Collects log lines.
class MemoryLog final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType type) const noexcept override {
    return type != broker::LogType::debug;
  }
  void write(broker::LogType /*type*/, std::string_view line) override { lines.emplace_back(line); }
  [[nodiscard]] bool contains(std::string_view text) const;
  std::vector<std::string> lines;
};

/// Some shards in one thread, with the loops' part played by hand: the very Shard of production.
class Broker {
 public:
  using Client = std::size_t;

  explicit Broker(std::uint32_t shards = 1, broker::Limits limits = {},
                  broker::ListenerPolicy policy = open_policy(),
                  const broker::Authority* authority = nullptr);
  /// A broker that starts with the content of `store`, and stores there.
  Broker(std::uint32_t shards, MemoryStore& store, broker::Limits limits = {},
         broker::Durability durability = broker::Durability::commit,
         broker::ListenerPolicy policy = open_policy());
  static broker::ListenerPolicy open_policy();

  /// Opens a connection on a shard (each in turn) without sending anything.
  Client open();
  /// Opens a connection and sends CONNECT; its CONNACK is in received().
  Client client(std::string_view id, const ConnectOptions& options = {});
  void send(Client client, std::string_view bytes);
  /// Gives bytes to the shard and leaves its outbox as it is: settle() plays the turn's end.
  void feed_once(Client client, std::string_view bytes);
  /// The bytes in the outboxes.
  [[nodiscard]] std::size_t pending_bytes() const;
  /// Plays the end of a turn on all shards until nobody has anything to say; nothing while turns
  /// are `apart`.
  void settle();
  /// Plays the end of one shard's turn.
  void end_turn(std::uint32_t shard) { settle_shard(shard); }
  /// While true, each shard's turn ends when end_turn() says so, as if loops had paces of their
  /// own.
  bool apart = false;
  void subscribe(Client client, std::string_view filter, const SubscribeOptions& options = {});
  void unsubscribe(Client client, std::string_view filter);
  void publish(Client client, std::string_view topic, std::string_view payload,
               const PublishOptions& options = {});
  void ack(Client client, mqtt::PacketType type, unsigned packet_id,
           mqtt::Reason reason = mqtt::Reason::success);
  void puback(Client client, unsigned id) { ack(client, mqtt::PacketType::puback, id); }
  void pubrec(Client client, unsigned id, mqtt::Reason reason = mqtt::Reason::success) {
    ack(client, mqtt::PacketType::pubrec, id, reason);
  }
  void pubrel(Client client, unsigned id) { ack(client, mqtt::PacketType::pubrel, id); }
  void pubcomp(Client client, unsigned id) { ack(client, mqtt::PacketType::pubcomp, id); }
  void disconnect(Client client, const mqtt::Disconnect& packet = {});
  /// Goes on with a session of another broker; the client is a new one, if its client is connected.
  std::expected<Client, broker::TransferFault> adopt(const broker::SessionImage& image);
  /// Another broker has the session: it is forgotten here, and its client.
  void release(std::string_view client_id);
  /// The socket breaks.
  void lose(Client client);
  /// Time goes on, in steps of 100 ms.
  void pass_milliseconds(std::int64_t milliseconds);
  /// The bytes that the socket has not taken, for slow consumers.
  void set_queued(Client client, std::size_t bytes);

  /// How much memory may still be taken; the shards see it at the next tick.
  void set_headroom(std::int64_t bytes) { host_->commons().memory.headroom_bytes = bytes; }
  /// Takes and acknowledges all deliveries, also those that follow; returns the payloads.
  std::vector<std::string> take_all(Client client);

  /// Packets since the last call.
  std::vector<std::string> received(Client client);
  /// The bytes of these packets.
  std::string take_bytes(Client client) { return std::exchange(connections_[client].output, {}); }
  /// Only the lines of received() about PUBLISH.
  std::vector<std::string> publishes(Client client);
  [[nodiscard]] bool closed(Client client) const { return connections_[client].closed; }
  /// Whether the shard wants its bytes; send() does not ask.
  [[nodiscard]] bool reads(Client client) const { return !connections_[client].muted; }
  [[nodiscard]] std::uint32_t shard_of(Client client) const { return connections_[client].shard; }
  [[nodiscard]] broker::Metrics metrics() const;
  [[nodiscard]] broker::Shard& shard(std::uint32_t index) { return (*host_)[index]; }
  [[nodiscard]] std::size_t shards() const { return host_->size(); }

  /// While true, nothing reaches the disk.
  bool disk_stalls = false;
  /// The batches of the shards so far reach the store now; `count`: only so many batches.
  void sync(std::size_t count = SIZE_MAX);
  /// The store is lost, and begins anew with all that it was to hold.
  void renew_store();
  /// The same in pieces, which begin here, with whatever happens between them. The new store is
  /// there at sync(), the old one until then.
  void begin_renewal();
  /// A shard gives its next piece, of `rows` or a few more, if it has any.
  void renew(std::uint32_t shard, std::size_t rows = 1);
  /// All that is left.
  void renew_all(std::size_t rows = 1);
  [[nodiscard]] bool renewing() const { return renewal_.has_value(); }

  /// Answers to logins; without it every login is a success.
  std::map<std::string, mqtt::Reason> verdicts;  // by user name
  std::shared_ptr<const broker::Permissions> permissions;
  // Of connections that are opened from now on:
  std::string address = "10.0.0.1";              // where they come from
  std::string tls_user;                          // the name that TLS proves; empty: none
  mqtt::Reason refusal = mqtt::Reason::success;  // see broker::Origin
  broker::Instant deadline;                      // of their CONNECT; 0: by the limits
  Feed feed = Feed::whole;
  MemoryLog log;
  broker::Instant now{1'000'000};

 private:
  struct Connection {
    std::uint32_t shard = 0;
    broker::ConnectionId id;
    mqtt::Version version = mqtt::Version::v5_0;
    std::string output;
    bool closed = false;
    bool muted = false;  // the shard wants nothing to be read
    std::size_t queued_bytes = 0;
  };

  /// A store that is written anew.
  struct Renewal {
    enum class Stage : std::uint8_t { begin, rows, end, over };
    explicit Renewal(std::size_t shards)
        : stages(shards), positions(shards), walking(shards), left(shards) {}
    MemoryStore store;
    std::vector<Stage> stages;             // by shard
    std::vector<std::uint64_t> positions;  // the same
    std::size_t walking;                   // shards with more rows
    std::size_t left;                      // shards that have not ended
  };

  void make_shards(std::uint32_t shards, broker::ShardOptions options);
  void end_renewal();
  bool settle_shard(std::uint32_t index);
  Client owner(std::uint32_t shard, broker::ConnectionId id) const;
  broker::ConnectionId open_on(std::uint32_t shard, bool moved = false);

  struct Writing {
    std::uint32_t shard;
    broker::JournalBatch batch;
  };
  class Loops;  // their part, as Host has it

  std::optional<Host> host_;
  MemoryStore* store_ = nullptr;
  std::deque<Writing> writing_;
  std::optional<Renewal> renewal_;
  std::vector<Connection> connections_;
  std::uint32_t next_slot_ = 0;
  std::uint32_t next_shard_ = 0;
};

}  // namespace test
