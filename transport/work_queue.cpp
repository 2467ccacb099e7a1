#include "transport/work_queue.h"

#include <utility>

#include "transport/loop.h"

namespace transport {

void WorkQueue::add(Work work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
  }
  has_work_.store(true, std::memory_order_release);
}

void WorkQueue::run(Loop& loop) {
  if (!has_work_.exchange(false, std::memory_order_acquire)) return;
  std::vector<Work> work;
  {
    const std::lock_guard lock(mutex_);
    work.swap(waiting_);
  }
  for (Work& each : work) each(loop);
}

}  // namespace transport
