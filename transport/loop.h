// transport/loop.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <utility>
#include <uv.h>
#include <vector>

#include "broker/shard.h"
#include "transport/acceptors.h"
#include "transport/clock.h"
#include "transport/connections.h"
#include "transport/event_loop.h"
#include "transport/flush_pace.h"
#include "transport/handoff_queue.h"
#include "transport/login_checks.h"
#include "transport/loop_commons.h"
#include "transport/loop_counts.h"
#include "transport/options.h"
#include "transport/peer_mail.h"
#include "transport/resident.h"
#include "transport/shutdown.h"
#include "transport/turn_clock.h"
#include "transport/turn_sample.h"

namespace transport {

/// One thread, one uv_loop_t, one shard: gives the shard its senses.
///
/// Shape      A turn is: wait; read sockets, each into the shard; then flush: logins, handoffs,
///            messages to peers, output, closes. Messages from peers are handled before any bytes
///            are.
/// Invariant  Messages to peers leave before the output of the turn: after a client has received
///            its SUBACK or PUBACK, every shard knows of the subscription or the message.
/// Threads    Its own, from start() to join(). post() is safe from any; LoopDoor is the way in for
///            other loops.
class Loop {
 public:
  using Work = LoopDoor::Work;

  /// `commons` has a door for each loop, this one's at the index of the shard.
  Loop(LoopCommons& commons, const LoopOptions& options, const broker::ShardOptions& shard,
       broker::Commons& shard_commons);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Prepares the handles. Returns 0, or libuv's error.
  [[nodiscard]] int open(const std::vector<std::shared_ptr<Listener>>& listeners);
  /// Before start(): sends the shard's messages to peers, and handles theirs. Returns whether there
  /// was anything.
  [[nodiscard]] bool settle();
  void start();
  /// Waits until the thread has ended.
  void join();

  /// Runs `work` on the loop's thread, soon and in order.
  void post(Work work) { door().post(std::move(work)); }
  /// The turns of this loop; its longest one is safe to ask for from any thread.
  [[nodiscard]] TurnClock& turns() noexcept { return turns_; }
  /// Calls `step` in this turn and in the following ones until it says that there is no more to do;
  /// then counts `done` down.
  void repeat(const std::function<bool(Loop&)>& step, const std::shared_ptr<std::latch>& done);
  /// Accepts from these listeners and from no others, on the loop's thread.
  void reconfigure(const LoopOptions& options,
                   const std::vector<std::shared_ptr<Listener>>& listeners);

  // For the loop's own parts, on its thread.

  [[nodiscard]] EventLoop& events() noexcept { return events_; }
  [[nodiscard]] LoopCommons& commons() noexcept { return commons_; }
  [[nodiscard]] broker::Shard& shard() noexcept { return shard_; }
  [[nodiscard]] Connections& connections() noexcept { return connections_; }
  [[nodiscard]] Acceptors& acceptors() noexcept { return acceptors_; }
  [[nodiscard]] PeerMail& mail() noexcept { return mail_; }
  [[nodiscard]] LoginChecks& login_checks() noexcept { return logins_; }
  [[nodiscard]] Shutdown& shutdown() noexcept { return shutdown_; }
  /// Null at first; the owner may set one once.
  [[nodiscard]] std::unique_ptr<Resident>& resident() noexcept { return resident_; }
  [[nodiscard]] const LoopOptions& options() const noexcept { return options_; }
  /// For the parts that count.
  [[nodiscard]] LoopCounts& counts() noexcept { return counts_; }
  /// The figures of this loop and its shard.
  [[nodiscard]] LoopReport report() const;
  [[nodiscard]] broker::ShardIndex index() const noexcept { return index_; }
  [[nodiscard]] broker::Instant now() const noexcept { return events_.now(); }
  /// Whether nothing may be read: other shards have no room, or the end has begun.
  [[nodiscard]] bool blocked() const noexcept {
    return mail_.has_full_peer() || shutdown_.holds_input();
  }

  /// To be called when bytes or the end of a connection were read, before and after the shard gets
  /// them: mail that was there before comes first.
  void before_input() {
    note_input();
    if (mail_.waits()) receive_mail();
  }
  void after_input(std::size_t bytes);
  /// Writes output that points into the read buffer, before that is overwritten.
  void write_borrowed() {
    if (shard_.outbox().borrows()) flush();
  }
  /// Gives everything that the shard has for others to the store, its peers and the sockets.
  void flush();
  /// Gives connections away as soon as the shard asks, before more of them is read.
  void move_connections();

 private:
  void note_input() noexcept {
    if (sample_.is_due()) sample_.begin(Clock::monotonic_microseconds());
  }
  void run();
  void prepare();
  void wake();
  void tick();
  /// Many timers that are due fire in several turns: the sockets have theirs in between.
  void tick_shard();
  [[nodiscard]] bool flush_round();
  void send_mail();
  void receive_mail();
  [[nodiscard]] LoopDoor& door() noexcept {
    return commons_.doors[static_cast<std::uint32_t>(index_)];
  }

  LoopCommons& commons_;
  broker::ShardIndex index_;
  LoopOptions options_;
  EventLoop events_;
  TurnSample sample_;
  LoopCounts counts_;  // but for those of the sample
  TurnClock turns_;    // of monotonic time: a suspend of the machine does not count
  FlushPace pace_;
  broker::Shard shard_;
  Connections connections_;
  Acceptors acceptors_;
  HandoffQueue arrivals_;
  PeerMail mail_;
  LoginChecks logins_;
  Shutdown shutdown_;
  std::unique_ptr<Resident> resident_;
  std::thread thread_;
};

/// Whether the calling thread is the loop's.
[[nodiscard]] bool is_thread_of(const Loop& loop) noexcept;

}  // namespace transport
