// transport/loop.h
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <uv.h>
#include <vector>

#include "broker/shard.h"
#include "transport/acceptors.h"
#include "transport/clock.h"
#include "transport/connections.h"
#include "transport/handoff.h"
#include "transport/loops.h"
#include "transport/turn_clock.h"
#include "transport/work_queue.h"

namespace transport {

/// One thread, one uv_loop_t, one shard: gives the shard its senses.
///
/// Shape      A turn is: wait; read sockets, each into the shard; then flush: logins, handoffs,
///            messages to peers, output, closes. Messages from peers are handled before any bytes
///            are.
/// Invariant  Messages to peers leave before the output of the turn: after a client has received
///            its SUBACK or PUBACK, every shard knows of the subscription or the message.
/// Threads    Its own, from start() to join(). post(), ring(), give_room() and
///            take_longest_turn_milliseconds() are safe from any.
class Loop {
 public:
  using Work = WorkQueue::Work;

  Loop(Loops& loops, const broker::ShardOptions& options, broker::Commons& commons);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Prepares the handles. Returns 0, or libuv's error.
  [[nodiscard]] int open(const std::vector<std::shared_ptr<Listener>>& listeners);
  /// Before start(): sends the shard's messages to peers, and handles theirs. Returns whether there
  /// was anything.
  bool settle();
  void start();
  // The end, in this order: see Loops::stop().
  /// Accepting and reading end.
  void stop_input();
  /// Publishes a part of the wills, unless other shards have no room for them. Returns whether
  /// there are more.
  bool publish_wills();
  /// Handles the messages from other loops, and releases the output that they permit. Returns
  /// whether the store has something to write.
  bool carry_on();
  void begin_stop();
  /// The loop ends once its output is written.
  void end() noexcept { may_end_ = true; }
  /// Waits until the thread has ended.
  void join();

  /// Runs `work` on the loop's thread, soon and in order.
  void post(Work work);
  /// How long output has waited for other sockets of its turn: the longest since the last call.
  [[nodiscard]] std::int64_t take_longest_turn_milliseconds() noexcept {
    return turns_.take_longest_milliseconds();
  }
  /// Calls `step` in this turn and in the following ones until it says that there is no more to do;
  /// then counts `done` down.
  void repeat(const std::function<bool(Loop&)>& step, const std::shared_ptr<std::latch>& done);
  /// Accepts from these listeners and from no others, on the loop's thread.
  void reconfigure(const LoopOptions& options,
                   const std::vector<std::shared_ptr<Listener>>& listeners);
  /// Wakes the loop: there is mail.
  void ring() noexcept { uv_async_send(&bell_); }
  /// Tells the loop that the mailbox of `peer` has room again.
  void give_room(std::uint32_t peer) noexcept;

  // For the loop's own parts, on its thread.

  [[nodiscard]] uv_loop_t* uv() noexcept { return &uv_; }
  [[nodiscard]] broker::Shard& shard() noexcept { return shard_; }
  [[nodiscard]] broker::Log& log() noexcept { return loops_.log_; }
  [[nodiscard]] Connections& connections() noexcept { return connections_; }
  [[nodiscard]] ConnectionCount& count() noexcept { return loops_.connections_; }
  [[nodiscard]] AddressTable& addresses() noexcept { return loops_.addresses_; }
  [[nodiscard]] ProxyMemory& proxies() noexcept { return loops_.proxies_; }
  [[nodiscard]] const LoopOptions& options() const noexcept { return options_; }
  [[nodiscard]] broker::Instant now() const noexcept {
    return {static_cast<std::int64_t>(uv_now(&uv_)) + slept_.milliseconds()};
  }
  /// Counts turns, so that a socket is read once in each.
  [[nodiscard]] std::uint32_t turn() const noexcept { return turn_; }
  /// Whether nothing may be read: other shards have no room, or the end has begun.
  [[nodiscard]] bool blocked() const noexcept { return blocked_by_ != 0 || input_stopped_; }
  [[nodiscard]] bool stopping() const noexcept { return stopping_ || input_stopped_; }
  [[nodiscard]] broker::ShardIndex index() const noexcept { return index_; }
  [[nodiscard]] bool alone() const noexcept { return loops_.count() == 1; }

  /// To be called when bytes or the end of a connection were read, before and after the shard gets
  /// them: mail that was there before comes first.
  void before_input() {
    if (!alone() && !loops_.mailboxes_.empty(index_)) drain_mailboxes();
  }
  void after_input(std::size_t bytes);
  /// Writes output that points into the read buffer, before that is overwritten.
  void write_borrowed() {
    if (shard_.outbox().borrows()) flush();
  }
  /// Gives connections away as soon as the shard asks, before more of them is read.
  void move_connections();
  [[nodiscard]] Acceptors& acceptors() noexcept { return acceptors_; }
  /// See Loops::holds_accepting().
  [[nodiscard]] bool holds_accepting() const noexcept { return loops_.holds_accepting(); }
  /// A line that descriptors are out, one for all loops in a while.
  void tell_of_descriptors();
  /// A connection comes home: at the end of the next turn, behind all input that is older.
  void expect(std::unique_ptr<Handoff> arrival) { arrivals_.push_back(std::move(arrival)); }
  /// Whether `descriptor` leaves too few for other uses: a connection that moves, the store, a log
  /// that is opened again.
  [[nodiscard]] bool is_one_of_the_last(int descriptor) const noexcept;

 private:
  void run();
  void prepare();
  void wake();
  void tick();
  /// Many timers that are due fire in several turns: the sockets have theirs in between.
  void tick_shard();
  void flush();
  void flush_rounds();
  void flush_once();
  void check_logins();
  void judge(broker::ConnectionId connection, const std::optional<AddressKey>& blamed,
             const broker::Verdict& verdict);
  void keep_journal();
  void adopt_arrivals();
  void tell_peers();
  void drain_mailboxes();
  void stop_when_done();
  void close_handles();

  Loops& loops_;
  broker::ShardIndex index_;
  LoopOptions options_;
  uv_loop_t uv_{};
  uv_async_t bell_{};
  uv_timer_t timer_{};
  uv_prepare_t prepare_{};
  uv_check_t check_{};
  uv_idle_t idle_{};  // active: do not wait, there is more to do
  broker::Shard shard_;
  Connections connections_;
  Acceptors acceptors_;
  std::thread thread_;
  std::size_t input_bytes_ = 0;  // since the last flush
  int inputs_ = 0;               // the same in sockets
  std::uint32_t turn_ = 0;
  TurnClock turns_;  // of monotonic time: a suspend of the machine does not count
  SleepClock slept_;
  std::uint64_t blocked_by_ = 0;  // one bit per peer without room
  bool opened_ = false;
  bool input_stopped_ = false;  // from stop_input() to begin_stop()
  bool stopping_ = false;
  bool may_end_ = false;
  std::size_t next_will_ = 0;  // place of the session that publish_wills() goes on with
  broker::Instant stop_deadline_;
  std::vector<std::unique_ptr<Handoff>> arrivals_;      // since this turn's sockets were polled
  std::vector<std::unique_ptr<Handoff>> due_arrivals_;  // before that

  alignas(64) std::atomic<std::uint64_t> room_{0};  // one bit per peer that has room again
  WorkQueue posted_;
};

}  // namespace transport
