// transport/work_queue.h
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <vector>

namespace transport {

class Loop;

/// Work that any thread leaves for the thread of a loop.
///
/// Order      Work of one caller runs in the order of its calls.
/// Threads    add() is safe from any; run() is for the loop's.
class WorkQueue {
 public:
  using Work = std::move_only_function<void(Loop&)>;

  /// The loop has to be woken afterwards.
  void add(Work work);
  /// Runs the work that has been added until now; work that this adds waits for the next call.
  void run(Loop& loop);

 private:
  std::mutex mutex_;
  std::vector<Work> waiting_;  // under mutex_
  std::atomic<bool> has_work_{false};
};

}  // namespace transport
