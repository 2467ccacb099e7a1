// transport/loops.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/log.h"
#include "broker/shard.h"
#include "transport/address_table.h"
#include "transport/listener.h"
#include "transport/login.h"
#include "transport/loop_counts.h"
#include "transport/loop_door.h"
#include "transport/loop_figures.h"
#include "transport/options.h"
#include "transport/store.h"
#include "transport/traces.h"

namespace transport {

class Loop;
struct LoopCommons;

/// All loops of the process: one thread, one uv_loop_t and one shard each.
///
/// Lifetime   Construct, start(), stop(), destroy. Listeners, Commons and Log outlive it. Every
///            broker::LoginDone must be destroyed before this object is.
/// Threads    Constructed, started, stopped and destroyed by one thread. post() and connections()
///            are safe from any.
class Loops {
 public:
  using Task = std::move_only_function<void(broker::Shard&, broker::Instant)>;
  /// A part of some work; returns whether there is more.
  using Step = std::function<bool(broker::ShardIndex, broker::Shard&, broker::Instant)>;

  /// One loop for each element of `shards`; their `index` and `shards` members must fit.
  Loops(const LoopOptions& options, const std::vector<broker::ShardOptions>& shards,
        broker::Commons& commons, broker::Log& log, LoginFunction login, StoreFunction store = {});
  /// Stops, if that was not done yet.
  ~Loops();
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

  /// A shard, to be given its stored state before start(), by the thread that constructed this.
  [[nodiscard]] broker::Shard& shard(broker::ShardIndex index);
  /// The shards' time: milliseconds since the machine was started. Sleep counts: meanwhile clients
  /// time out, and sessions and messages expire.
  [[nodiscard]] static broker::Instant now() noexcept;

  /// Starts the threads; every loop accepts from every listener.
  ///
  /// Errors    One sentence, for instance when file descriptors ran out. Nothing runs then.
  [[nodiscard]] std::expected<void, std::string> start(
      std::vector<std::shared_ptr<Listener>> listeners);

  /// Ends in order: accepting and reading end, Shard::publish_wills() while all clients are still
  /// connected, until the messages that this causes have come to all shards and are stored (for at
  /// most LoopOptions::stop_timeout_milliseconds); then Shard::shut_down() on every loop, output
  /// written (for as long again), connections closed, threads joined.
  void stop();

  /// Runs `task` on a shard's own thread, soon. Tasks of one caller keep their order. After
  /// stop() they are dropped unrun.
  void post(broker::ShardIndex shard, Task task);
  /// The same for work on the loop itself.
  void post_loop(broker::ShardIndex shard, LoopDoor::Work work);

  /// Calls `step` on every shard's own thread, on several at a time, once a turn until it returns
  /// false; and waits until all have. Nothing happens before start() and after stop().
  void run_everywhere(const Step& step);
  /// Work on the shards while no loop runs; `now` is the time to call them with: no loop has told
  /// its shard a later one, and none tells it an earlier one afterwards.
  using ParkedWork = std::function<void(broker::Instant now)>;
  /// Stops all loops between two turns, has their shards tell each other all they have to say,
  /// calls `work`, and lets them go on. No client is served meanwhile. After stop() it only calls
  /// `work`.
  void while_parked(const ParkedWork& work);
  /// From here on new connections wait, until release_accepting().
  void hold_accepting() noexcept;
  /// Those that wait are accepted.
  void release_accepting();
  /// While the loops run: other options, and other listeners. Those that are the same go on, and
  /// connections stay, also of those that are gone: once this returns, no loop accepts there.
  ///
  /// Requires  Every shard knows the new listeners' numbers.
  void reconfigure(const LoopOptions& options, std::vector<std::shared_ptr<Listener>> listeners);

  [[nodiscard]] std::uint32_t count() const noexcept {
    return static_cast<std::uint32_t>(loops_.size());
  }
  /// A batch that a shard gave is on disk. Safe from any thread, after stop() too.
  void committed(broker::ShardIndex shard, std::uint64_t position);

  /// The figures of all loops; turn_milliseconds counts from the last call.
  [[nodiscard]] LoopFigures take_figures() noexcept;

  /// Asks every loop for its report: `done` is called on the loop's thread, soon. Safe from any
  /// thread.
  using ReportDone = std::function<void(broker::ShardIndex loop, const LoopReport& report)>;
  void ask_reports(const ReportDone& done);
  /// Messages from shard to shard that have not been read, as mailboxes count them.
  [[nodiscard]] std::size_t mail_waiting() const noexcept;

  /// The networks that may not log in now, for their failed logins.
  [[nodiscard]] std::vector<AddressTable::Ban> bans();
  /// Ends bans; returns how many.
  std::size_t lift_bans(const AddressTable::Hits& hits);

  /// The traces of the process. For the main thread.
  [[nodiscard]] Traces& traces() noexcept { return traces_; }

  /// Open connections of all listeners.
  [[nodiscard]] std::int64_t connections() const noexcept;
  /// Publishes with QoS 0 between shards that found a full mailbox.
  [[nodiscard]] std::uint64_t peer_publishes_dropped() const noexcept;

 private:
  /// Calls `step` as run_everywhere() does.
  void everywhere(const std::function<bool(Loop&)>& step);
  /// Waits until the shards' messages to each other have arrived and are stored.
  void settle(broker::Instant deadline);
  /// While no loop runs: delivers the shards' messages to each other.
  void settle_parked();

  LoopOptions options_;
  std::unique_ptr<LoopCommons> commons_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::int64_t turn_max_milliseconds_ = 0;  // of take_figures()
  bool running_ = false;
  Traces traces_;
};

}  // namespace transport
