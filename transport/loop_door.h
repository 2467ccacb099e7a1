// transport/loop_door.h
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <uv.h>

#include "broker/core/peer_id.h"
#include "broker/core/peer_set.h"
#include "transport/work_queue.h"

namespace transport {

/// The way into a loop for all other threads: work, the news of room in a mailbox, and the bell
/// that wakes the loop.
///
/// Shape      open() -> post(), ring(), give_room() -> the bell's callback on the loop's thread:
///            take_room(), run_work() -> close().
/// Lifetime   Outlives the loop. After the loop's last turn work is dropped unrun; after close()
///            nothing may be called.
/// Threads    post(), ring() and give_room() are safe from any, all others are the loop's.
class LoopDoor {
 public:
  using Work = WorkQueue::Work;

  LoopDoor();
  ~LoopDoor();
  LoopDoor(const LoopDoor&) = delete;
  LoopDoor& operator=(const LoopDoor&) = delete;

  /// The bell calls `woken` with the data `owner` on the thread of `loop`. Returns 0, or libuv's
  /// error.
  [[nodiscard]] int open(uv_loop_t* loop, void* owner, uv_async_cb woken);
  /// The loop has to run once more afterwards.
  void close();

  /// Runs `work` on the loop's thread, soon and in order.
  void post(Work work);
  /// Wakes the loop: there is mail.
  void ring() noexcept { uv_async_send(&bell_); }
  /// Tells the loop that the mailbox of `peer` has room again.
  void give_room(broker::PeerId peer) noexcept;

  /// The peers that have given room since the last call.
  [[nodiscard]] broker::PeerSet take_room() noexcept {
    return broker::PeerSet::of_bits(room_.exchange(0, std::memory_order_acquire));
  }
  void run_work(Loop& loop) { work_.run(loop); }

 private:
  uv_async_t bell_{};
  WorkQueue work_;
  alignas(64) std::atomic<std::uint64_t> room_{0};  // the bits of a PeerSet
};

}  // namespace transport
