#include "tools/darter-bench/closed_loop.h"

#include <algorithm>

namespace bench {

ClosedLoop::ClosedLoop(const Options& options, Report& report)
    : Flow(options, report), is_ready_(traffic().publishers) {}

std::vector<Window> ClosedLoop::make_windows() {
  std::vector<Window> windows;
  for (std::uint32_t i = 0; i < traffic().publishers; ++i) {
    // A broker of 5.0 may take fewer at a time than we would send.
    const std::uint32_t allowed = publisher(i).connection().receive_maximum;
    const bool limited = options().quality() != mqtt::Qos::at_most_once;
    windows.emplace_back(limited ? std::min(options().window, allowed) : options().window,
                         traffic().receivers());
  }
  return windows;
}

void ClosedLoop::measure() {
  windows_ = make_windows();
  publishing_ = true;
  for (std::uint32_t i = 0; i < traffic().publishers; ++i) consider(i);
  if (!reactor().run_for(from_seconds(options().warmup_seconds))) return;
  const Reading before = meter().read();
  const std::uint64_t delivered_before = delivered();
  (void)reactor().run_for(from_seconds(options().seconds));
  const Reading after = meter().read();
  meter().report(report(), before, after, delivered() - delivered_before, "message");
  publishing_ = false;
}

void ClosedLoop::on_delivered(const Mark& mark) {
  windows_[mark.publisher].arrived(mark.sequence);
  consider(mark.publisher);
}

void ClosedLoop::consider(std::uint32_t publisher) {
  const Window& window = windows_[publisher];
  const std::size_t open = this->publisher(publisher).unacknowledged();
  if (is_ready_[publisher] || !window.wants_batch() || open + window.batch() > window.size()) {
    return;
  }
  is_ready_[publisher] = true;
  ready_.push_back(publisher);
}

Nanoseconds ClosedLoop::on_round() {
  for (const std::uint32_t publisher : ready_) {
    is_ready_[publisher] = false;
    if (publishing_) refill(publisher);
  }
  ready_.clear();
  return no_hurry;
}

void ClosedLoop::refill(std::uint32_t index) {
  Window& window = windows_[index];
  Publisher& source = publisher(index);
  while (!window.is_full() && source.unacknowledged() < window.size() &&
         source.publish(reactor(), 0)) {
    (void)window.publish();
  }
}

}  // namespace bench
