#include "tools/darter-bench/connect_storm.h"

#include <string>

namespace bench {

ConnectStorm::ConnectStorm(const Options& options, Report& report)
    : options_(options),
      report_(report),
      meter_(static_cast<pid_t>(options.pid)),
      reactor_(options, *this),
      wanted_(options.count > 0 ? options.count : 5000) {
  // Twice as many as may be opening, because as many may be leaving.
  for (std::uint32_t i = 0; i < 2 * options.at_once; ++i) {
    idle_.push_back(&connections_.emplace_back());
  }
}

bool ConnectStorm::run() {
  const Reading before = meter_.read();
  const bool complete = reactor_.run_until([&] { return left_ == wanted_; });
  meter_.report(report_, before, meter_.read(), welcomed_, "connect");
  report_.number("p50_us", static_cast<double>(delay_.percentile(0.5)) / 1000);
  report_.number("p99_us", static_cast<double>(delay_.percentile(0.99)) / 1000);
  report_.count("expected", wanted_);
  report_.count("received", welcomed_);
  report_.count("lost", wanted_ - left_);
  report_.count("disconnected", reactor_.lost());
  if (!reactor_.fault().empty()) report_.text("fault", reactor_.fault());
  return complete && welcomed_ == wanted_;
}

Nanoseconds ConnectStorm::on_round() {
  while (begun_ < wanted_ && !idle_.empty() && reactor_.opening() < options_.at_once) {
    Connection& connection = *idle_.back();
    idle_.pop_back();
    connection.client_id = "bench-" + std::to_string(begun_++);
    reactor_.open(connection);
  }
  return no_hurry;
}

void ConnectStorm::on_connected(Connection& connection) {
  ++welcomed_;
  delay_.add(static_cast<std::uint64_t>(reactor_.read_at() - connection.opened_at));
  reactor_.leave(connection);
}

void ConnectStorm::on_packet(Connection& connection, const mqtt::Frame& /*frame*/) {
  reactor_.fail(connection, "the broker sent a packet that nobody asked for");
}

void ConnectStorm::on_left(Connection& connection) {
  ++left_;
  idle_.push_back(&connection);
}

}  // namespace bench
