#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/shard.h"
#include "test/broker/memory_store.h"
#include "test/fuzz/output_reader.h"
#include "test/host.h"

namespace fuzz {

/// The options of a broker that differ between stories.
struct Setting {
  std::uint32_t shards = 1;
  broker::Durability durability = broker::Durability::none;
  broker::Limits limits;
  broker::ListenerPolicy policy;
  bool forbids = false;  // permissions that say no to some topics
};

/// A broker of some shards in one thread, the loops' and the disk's part played step by step:
/// logins wait to be decided, mail waits in mailboxes, batches wait to be written, until somebody
/// says so.
///
/// Invariant  The promises of loops are kept: mailboxes are drained before input, in the order of
///            their batches; nothing is read while a login is being decided; time never runs
///            backwards.
class World {
 public:
  explicit World(const Setting& setting);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  struct Client {
    std::uint32_t shard = 0;
    broker::ConnectionId id;
    bool open = false;
    bool deciding = false;
    bool fresh = true;  // nothing was sent yet
    OutputReader output;
  };
  static constexpr std::size_t clients_max = 6;
  std::vector<Client> clients{clients_max};

  /// Opens the client's connection on a shard; one that is open breaks first.
  void open(Client& client, std::uint32_t shard);
  void send(Client& client, std::string_view bytes);
  void lose(Client& client, broker::CloseCause cause);
  void writable(Client& client, std::size_t queued_bytes);
  /// Time goes on. `step_milliseconds`: how often the shards are told meanwhile.
  void pass(std::int64_t milliseconds, std::int64_t step_milliseconds);
  void publish_sys(std::string_view topic, std::string_view payload, bool retain);
  void shut_down();

  /// Decides the login that waits longest.
  void decide(const broker::Verdict& verdict);
  /// Gives a shard its mail.
  void deliver(std::uint32_t shard);
  /// Writes batches; `told`: and says so.
  void write(std::size_t count, bool told);
  /// The process dies and starts again, with the batches that were written.
  void crash(std::uint32_t shards);
  /// Everything that waits is done, again and again, until nothing does.
  void settle();

  /// Checks the conditions that must hold when nothing waits.
  void check();
  /// Checks the conditions that must hold if the process ended now and started again.
  void check_store();

  bool feeds_bytes = false;  // one at a time
  bool writes_at_once = true;
  bool decides_at_once = true;
  std::shared_ptr<const broker::Permissions> permissions;
  [[nodiscard]] std::uint32_t shards() const { return host_->size(); }

 private:
  class Lines;
  class Rules;
  class Loops;  // their part, as Host has it

  struct Mail {
    std::uint32_t from;
    std::vector<broker::PeerMessage> messages;
  };
  struct Writing {
    std::uint32_t shard;
    broker::JournalBatch batch;
    bool written = false;
  };
  struct Login {
    std::uint32_t shard;
    broker::ConnectionId connection;
  };

  void begin(std::uint32_t shards);
  broker::ConnectionId open_on(std::uint32_t shard, bool moved = false);
  bool receive(Client& client, std::string_view bytes);
  void end_turns();
  bool end_turn(std::uint32_t shard);
  void move(std::uint32_t from, const broker::HandoffRequest& request);
  Client* find(std::uint32_t shard, broker::ConnectionId id);

  Setting setting_;
  std::unique_ptr<Lines> log_;
  std::unique_ptr<Rules> rules_;
  test::MemoryStore store_;
  std::optional<test::Host> host_;
  std::vector<std::deque<Mail>> mailboxes_;  // by receiver
  std::deque<Writing> writing_;
  std::deque<Login> logins_;
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t next_slot_ = 0;
  std::uint32_t generation_ = 1;
  broker::Instant now_{1'000'000};
};

}  // namespace fuzz
