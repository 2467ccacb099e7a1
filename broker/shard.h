// broker/shard.h
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/access.h"
#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/limits.h"
#include "broker/core/log.h"
#include "broker/core/login_change.h"
#include "broker/core/metrics.h"
#include "broker/core/outbox.h"
#include "broker/core/peer_id.h"
#include "broker/core/refusals.h"
#include "broker/core/topic_share.h"
#include "broker/interest.h"
#include "broker/peer.h"
#include "broker/wire/reason.h"

namespace broker {

/// Where a connection comes from.
struct Origin {
  std::uint16_t listener = 0;          // index into ShardOptions::listeners
  std::uint16_t port = 0;              // of the client; 0 on a unix socket
  std::string_view address;            // of the client
  std::string_view protocol;           // "mqtt" or "websockets", for the log
  std::string_view user_name = {};     // that the client proved by TLS; empty: none
  std::string_view missing_name = {};  // why it has none, a static text; empty: none is asked for
  /// Not success: a limit of its listener keeps the client out, and this answers its CONNECT.
  mqtt::Reason refusal = mqtt::Reason::success;
  /// When a whole CONNECT must be there; 0: Limits::connect_timeout_seconds from now on.
  Instant deadline = {};
  /// Another shard's loop handed it over: that shard has counted it.
  bool moved = false;
  ClientTransport transport = ClientTransport::tcp;
};

/// Why a connection is gone, as its loop saw it.
enum class CloseCause : std::uint8_t {
  peer_closed,      ///< end of file, or a WebSocket Close without DISCONNECT
  connection_lost,  ///< reset, time-out, any other error of the socket
  protocol_error,   ///< the transport's rules were broken (WebSocket framing)
  ended_here,  ///< by a part of this process, whose client it was, and whose log lines tell why
};

/// Session count of the whole process, for global_max_clients.
struct SharedCounts {
  alignas(64) std::atomic<std::int64_t> sessions{0};
};

/// The memory that may still be taken before memory_limit is near; zero or less: it is.
///
/// Shape      A thread that measures memory sets it every 100 ms or so. In between the shards
///            subtract newly kept bytes, in steps that are rare enough for threads to share the
///            counter.
struct SharedMemory {
  static constexpr std::int64_t unlimited = INT64_MAX;
  static constexpr std::int64_t step_bytes = 65'536;
  alignas(64) std::atomic<std::int64_t> headroom_bytes{unlimited};
};

/// The objects that all shards of a process share.
struct Commons {
  explicit Commons(std::uint32_t shards) : interest(shards) {}
  Interest interest;
  SharedCounts counts;
  SharedMemory memory;
};

/// The options of one shard.
struct ShardOptions {
  ShardIndex index{0};
  std::uint32_t shards = 1;
  std::uint64_t home_key[2] = {0, 0};  // secret of the process: SipHash key for homes
  std::uint64_t seed = 0;              // of assigned client ids; differs between shards
  std::string version;                 // for $SYS/broker/version
  Limits limits;
  Durability durability = Durability::none;
  std::vector<ListenerPolicy> listeners;
  TopicShares topic_shares;              // of clients of this process
  const Authority* authority = nullptr;  // null: nobody is ever refused; outlives the shard
};

/// The new rules of a shard.
///
/// Shape      `listeners`: of those that there were before too, even if they are gone.
struct ShardChange {
  Limits limits;
  std::vector<ListenerPolicy> listeners;
  TopicShares topic_shares{};
};

class ShardAdmin;
class ShardLinks;
class ShardRenewal;
class ShardTransfer;

/// One complete broker: no I/O, no clock, no threads, no randomness.
///
/// Shape      Bytes go in by received(), an Outbox and a PeerOutbox come out. Every call names the
///            time; time never runs backwards.
/// Invariant  No call re-enters another. Output is pulled by the loop once per turn.
/// Lifetime   Connections are named by the loop (ConnectionId); a name that the shard has closed or
///            handed off is forgotten, and later events for it are ignored.
/// Threads    One: the loop's.
/// Errors     Bad bytes end the connection that sent them, with the protocol's own answer.
class Shard final {
 public:
  Shard(const ShardOptions& options, Commons& commons, Log& log);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// A connection is there, new or handed over by another shard's loop.
  void opened(ConnectionId connection, const Origin& origin, Instant now);
  /// Bytes of the MQTT stream, in order. They are used before the call returns, or copied; but if
  /// outbox().borrows() then, they must stay until the output is drained.
  ///
  /// Returns   Whether the loop should go on reading. False while a login is being decided, until
  ///           decided() was called; and while the connection has sent more than can be handled
  ///           now, or does not read its answers, until the outbox asks for it.
  bool received(ConnectionId connection, std::span<const std::byte> bytes, Instant now);
  /// The same for the bytes that a moved connection brings along: the shard that received them has
  /// counted them.
  bool received_before_move(ConnectionId connection, std::span<const std::byte> bytes, Instant now);
  /// The bytes kept of a connection because its login is not decided; 0 after that.
  [[nodiscard]] std::size_t login_bytes(ConnectionId connection) const noexcept;
  /// Handles the packets that received() and others left because the outbox was full. To be called
  /// after the outbox was drained, and again until it returns false: there was nothing.
  bool go_on(Instant now);
  /// Continues requests of clients that take more than one turn: large SUBSCRIBE packets, many
  /// retained messages, the end of large sessions. To be called once in each turn.
  ///
  /// Returns   Whether there is more to do: then the next turn is not to wait for its sockets.
  /// Cost      A millisecond or two, however much is left.
  bool work(Instant now);
  /// Whether the loop reads its sockets at all: while it does not, no client is late.
  void reads(bool reading, Instant now);
  /// A limit that the loop keeps was reached: to be counted.
  void refused(Refusal refusal) noexcept;
  /// Publishes to peers that found a full mailbox.
  void dropped_mail(std::size_t messages) noexcept;
  /// How much of the connection's output its socket has not taken: said after every flush that
  /// left something or had Output::report, and again when that is gone (0).
  void writable(ConnectionId connection, std::size_t queued_bytes, Instant now);
  /// The connection ended without the shard's wish.
  void closed(ConnectionId connection, CloseCause cause, Instant now);
  /// The answer to a login that the outbox asked for.
  ///
  /// Returns   False if a reload came in between: the outbox asks once more, and this answer counts
  ///           for nothing.
  bool decided(ConnectionId connection, const Verdict& verdict, Instant now);
  void from_peer(ShardIndex from, PeerMessage message, Instant now);
  /// To be called at least every 100 ms: keep alive, expiry, delayed wills, $SYS.
  ///
  /// Returns   Whether more is due than should be done in one turn: then it is to be called again
  /// in
  ///           the next.
  bool tick(Instant now);
  /// The turn is over: to be called before the outbox is drained. Lets go of acknowledgements that
  /// have nothing to wait for.
  void end_turn(Instant now);
  /// The rows to store next: nothing while an earlier batch has not been committed, or if nothing
  /// changed. `hurry`: also if durability is relaxed and the second is not over.
  [[nodiscard]] std::optional<JournalBatch> take_journal(Instant now, bool hurry = false);
  /// A batch is on disk, up to its position: packets that waited for it may leave.
  void committed(std::uint64_t position, Instant now);
  /// Whether something has changed that is not on disk.
  [[nodiscard]] bool journal_pending() const noexcept;

  /// Before the loop runs: stored state comes back, in one or more batches; rows refer to earlier
  /// ones. Sessions belong to this shard; retained messages are given to every shard.
  void restore(const JournalBatch& batch, Instant now);
  /// A stored message in bytes that other shards are given too: instead of a row.
  void restore(const SharedMessage& message);
  /// After the last of them. `last_key`: the highest key that the store has ever seen.
  void restored(std::uint64_t last_key, Instant now);

  /// After restored() of all shards, when all their messages to each other were handled: messages
  /// that were on their way between shards reach their receivers on this shard.
  void finish_forwards(Instant now);

  /// The process is about to end in order, and everybody is still connected: publishes wills, for
  /// a part of the sessions from place `next` on, which it moves on. The wills of sessions in the
  /// store stay there, with their delays: they are published after the next start, unless their
  /// clients come back first.
  ///
  /// Requires  Nothing is read any more.
  /// Returns   Whether there is more to do; then it is to be called again in a later turn.
  [[nodiscard]] bool publish_wills(std::size_t& next, Instant now);
  /// The process is about to end: DISCONNECT (5.0) to everybody, close requests for all. Wills that
  /// no store keeps and that publish_wills() has not reached are retained and queued now, and not
  /// sent.
  void shut_down(Instant now);

  /// Replaces the limits and listeners in force.
  ///
  /// The promises of a CONNACK stay for as long as its connection lasts: see Promises. So do keep
  /// alive, session expiry, mount point and the aliases that the broker makes. All else holds at
  /// once, and messages queued beyond a limit stay queued. A login that was asked for before is
  /// asked for again when its answer comes: the users and the listener's rules may be others now.
  ///
  /// Requires  The users are replaced already: they answer requests from now on.
  void reconfigure(ShardChange change, Instant now);
  /// Dismisses clients and asks for permissions as `changes` say, by listener, for a part of the
  /// sessions. A dismissed client gets the reason (5.0): Not authorized if the same login would be
  /// refused now, Administrative action if it may be tried again.
  ///
  /// Requires  reconfigure() before it.
  /// Returns   Whether there is more to do; then it is to be called again in a later turn.
  /// Cost      Less than a millisecond or so, however much is left.
  [[nodiscard]] bool sweep(const std::vector<LoginChange>& changes, LoginSweep& sweep, Instant now);

  /// The calls that few of a shard's hosts make, by subject; each is in the header of its class.
  [[nodiscard]] ShardAdmin admin() noexcept;
  [[nodiscard]] ShardLinks links() noexcept;
  [[nodiscard]] ShardRenewal renewal() noexcept;
  [[nodiscard]] ShardTransfer transfer() noexcept;

  /// Publishes in the broker's own name, below "$SYS/" (heap figures, log lines).
  void publish_sys(std::string_view topic, std::string_view payload, bool retain, Instant now);

  /// The messages that wait for a client or are in flight to it; 0 if it has no session here.
  [[nodiscard]] std::size_t waiting_for(std::string_view client_id) const noexcept;
  /// Where a client is at home.
  [[nodiscard]] ShardIndex home_of(std::string_view client_id) const noexcept;
  /// The shard that stores the retained message of a topic.
  [[nodiscard]] ShardIndex keeper_of(std::string_view topic) const noexcept;

  [[nodiscard]] Outbox& outbox() noexcept;
  [[nodiscard]] PeerOutbox& peer_outbox() noexcept;
  [[nodiscard]] Metrics metrics() const noexcept;

 private:
  friend class ShardAdmin;
  friend class ShardLinks;
  friend class ShardRenewal;
  friend class ShardTransfer;
  struct State;
  class Entry;
  /// Keeps the state behind a door: an event reaches it through an Entry only, which nobody can
  /// forget, neither at the beginning of a call nor at its end.
  class Inside {
   public:
    explicit Inside(std::unique_ptr<State> state);
    ~Inside();
    /// An event begins. It ends with the Entry.
    [[nodiscard]] Entry enter(Instant now);
    /// For calls that are no events: they send no message and end no wait.
    [[nodiscard]] State& aside() const noexcept { return *state_; }

   private:
    std::unique_ptr<State> state_;
  };
  Inside inside_;
};

}  // namespace broker
