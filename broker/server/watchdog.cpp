#include "broker/server/watchdog.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace server {

namespace {

constexpr std::int64_t looks_per_timeout = 4;

}  // namespace

Watchdog::Watchdog(std::int64_t timeout_milliseconds, std::uint32_t loops, Ask ask)
    : timeout_milliseconds_(timeout_milliseconds),
      interval_milliseconds_(std::max<std::int64_t>(1, timeout_milliseconds / looks_per_timeout)),
      loops_(loops),
      ask_(std::move(ask)) {
  assert(timeout_milliseconds > 0 && loops <= 64);
}

void Watchdog::begin_round(broker::Instant now) {
  const std::uint64_t all = loops_ >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << loops_) - 1;
  missing_ = std::make_shared<std::atomic<std::uint64_t>>(all);
  begun_ = now;
  told_ = false;
  for (std::uint32_t loop = 0; loop < loops_; ++loop) {
    ask_(loop, [missing = missing_, bit = std::uint64_t{1} << loop] {
      missing->fetch_and(~bit, std::memory_order_relaxed);
    });
  }
}

Watchdog::Sight Watchdog::look(broker::Instant now) {
  Sight sight;
  if (missing_ == nullptr) {
    begin_round(now);
    next_look_ = {now.milliseconds + interval_milliseconds_};
    return sight;
  }
  if (now < next_look_) return sight;
  next_look_ = {now.milliseconds + interval_milliseconds_};
  const std::uint64_t missing = missing_->load(std::memory_order_relaxed);
  if (missing == 0) {
    sight.alive = true;
    begin_round(now);
    return sight;
  }
  const std::int64_t waited = now.milliseconds - begun_.milliseconds;
  if (told_ || waited < timeout_milliseconds_ / 2) return sight;
  told_ = true;
  sight.silent_loops = missing;
  sight.silent_milliseconds = waited;
  return sight;
}

}  // namespace server
