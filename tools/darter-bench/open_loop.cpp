#include "tools/darter-bench/open_loop.h"

#include <algorithm>

namespace bench {

void OpenLoop::measure() {
  const Nanoseconds warmup = from_seconds(options().warmup_seconds);
  const Nanoseconds time = from_seconds(options().seconds);
  start_ = now();
  measured_from_ = start_ + warmup;
  measured_to_ = measured_from_ + time;
  publishing_ = true;
  if (!reactor().run_for(warmup)) return;
  const Reading before = meter().read();
  const std::uint64_t delivered_before = delivered();
  (void)reactor().run_until([&] { return due_of(next_) >= measured_to_; });
  const Reading after = meter().read();
  publishing_ = false;
  meter().report(report(), before, after, delivered() - delivered_before, "message");
}

Nanoseconds OpenLoop::due_of(std::uint64_t message) const {
  return start_ + from_seconds(static_cast<double>(message) / options().rate_per_second);
}

Nanoseconds OpenLoop::on_round() {
  if (!publishing_) return no_hurry;
  const Nanoseconds time = now();
  Nanoseconds due = due_of(next_);
  for (; due <= time && due < measured_to_; due = due_of(next_)) {
    own_delay_.add(static_cast<std::uint64_t>(time - due));
    publish_next(due);
  }
  return due < measured_to_ ? due - time : no_hurry;
}

void OpenLoop::publish_next(Nanoseconds due) {
  const auto index = static_cast<std::uint32_t>(next_++ % traffic().publishers);
  if (!publisher(index).publish(reactor(), due)) ++unsent_;
}

void OpenLoop::on_delivered(const Mark& mark) {
  if (mark.stamp < measured_from_) return;
  latency_.add(
      static_cast<std::uint64_t>(std::max<Nanoseconds>(reactor().read_at() - mark.stamp, 0)));
}

void OpenLoop::report_more() {
  report().number("p50_us", in_microseconds(latency_.percentile(0.5)));
  report().number("p99_us", in_microseconds(latency_.percentile(0.99)));
  report().number("p999_us", in_microseconds(latency_.percentile(0.999)));
  report().number("largest_us", in_microseconds(latency_.largest()));
  report().count("samples", latency_.size());
  report().number("own_delay_p99_us", in_microseconds(own_delay_.percentile(0.99)));
  report().count("unsent", unsent_);
}

}  // namespace bench
