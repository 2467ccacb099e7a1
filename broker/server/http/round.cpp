#include "broker/server/http/round.h"

#include <cassert>
#include <cstddef>
#include <mutex>
#include <utility>

namespace server {

struct Round::Shared {
  std::mutex mutex;
  std::vector<std::optional<transport::LoopReport>> reports;  // under mutex, by loop
  std::size_t missing = 0;                                    // under mutex
};

void Round::begin(std::uint32_t loops, const Ask& ask, Ring ring, broker::Instant now) {
  assert(!is_open() && loops > 0);
  shared_ = std::make_shared<Shared>();
  shared_->reports.resize(loops);
  shared_->missing = loops;
  deadline_ = broker::after_milliseconds(now, patience_milliseconds);
  ask([shared = shared_, ring = std::move(ring)](broker::ShardIndex loop,
                                                 const transport::LoopReport& report) {
    bool last = false;
    {
      const std::scoped_lock lock(shared->mutex);
      auto& place = shared->reports[static_cast<std::uint32_t>(loop)];
      assert(!place && shared->missing > 0);
      place = report;
      last = --shared->missing == 0;
    }
    if (last) ring();
  });
}

bool Round::is_complete() const {
  if (!is_open()) return false;
  const std::scoped_lock lock(shared_->mutex);
  return shared_->missing == 0;
}

bool Round::is_overdue(broker::Instant now) const noexcept { return is_open() && now >= deadline_; }

std::vector<std::uint32_t> Round::silent_loops() const {
  std::vector<std::uint32_t> silent;
  if (!is_open()) return silent;
  const std::scoped_lock lock(shared_->mutex);
  for (std::uint32_t i = 0; i < shared_->reports.size(); ++i) {
    if (!shared_->reports[i]) silent.push_back(i);
  }
  return silent;
}

std::vector<transport::LoopReport> Round::take() {
  assert(is_complete());
  const std::shared_ptr<Shared> shared = std::exchange(shared_, nullptr);
  const std::scoped_lock lock(shared->mutex);
  std::vector<transport::LoopReport> reports;
  reports.reserve(shared->reports.size());
  for (const auto& each : shared->reports) {
    if (each) reports.push_back(*each);
  }
  return reports;
}

}  // namespace server
