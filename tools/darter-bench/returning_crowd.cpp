#include "tools/darter-bench/returning_crowd.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <span>

#include "tools/darter-bench/crowd_address.h"
#include "tools/darter-bench/packets.h"
#include "tools/darter-bench/text.h"

namespace bench {
namespace {

constexpr Nanoseconds one_millisecond = one_second / 1000;
constexpr std::uint32_t doublings_max = 3;

std::uint64_t milliseconds(Nanoseconds time) {
  return static_cast<std::uint64_t>(time / one_millisecond);
}

/// Soonest first in a heap: its front is the element that compares greatest.
constexpr auto later = [](const auto& one, const auto& other) { return one.at > other.at; };

}  // namespace

ReturningCrowd::ReturningCrowd(const Options& options, Report& report)
    : options_(options), report_(report), reactor_(options, *this) {
  const std::uint32_t count = std::min(options.count > 0 ? options.count : crowd_max, crowd_max);
  for (std::uint32_t i = 0; i < count; ++i) {
    Connection& connection = clients_.emplace_back().connection;
    connection.client_id = text_of("bench-returning-", i);
    if (options.users > 0) connection.user = text_of("bench-", i % options.users);
    connection.index = i;
    connection.source_address = crowd_address(i);
  }
}

bool ReturningCrowd::run() {
  const bool complete = gather() && come_back() && reactor_.run_for(from_seconds(options_.seconds));
  const bool good = report_counts(complete);
  reactor_.leave_all(everybody());
  return good;
}

std::vector<Connection*> ReturningCrowd::everybody() {
  std::vector<Connection*> all;
  all.reserve(clients_.size());
  for (Client& client : clients_) all.push_back(&client.connection);
  return all;
}

bool ReturningCrowd::gather() {
  if (!reactor_.open_all(everybody())) return false;
  gathered_ = true;
  (void)std::fprintf(stderr, "%zu clients are here\n", here_);
  return true;
}

bool ReturningCrowd::come_back() {
  return reactor_.run_until([this] { return cut_ == clients_.size() && here_ == clients_.size(); });
}

void ReturningCrowd::on_connected(Connection& connection) {
  Client& client = clients_[connection.index];
  const Nanoseconds time = now();
  ++here_;
  client.failures = 0;
  client.pinged_at = 0;
  ++client.visits;
  pings_.push_back(
      {time + from_seconds(options_.keep_alive_seconds), connection.index, client.visits});
  if (client.cut_at == 0) return;
  away_.add(milliseconds(time - client.cut_at));
  client.cut_at = 0;
  ++back_;
  last_back_at_ = time;
}

void ReturningCrowd::on_packet(Connection& connection, const mqtt::Frame& frame) {
  Client& client = clients_[connection.index];
  if (frame.type != mqtt::PacketType::pingresp || client.pinged_at == 0) {
    return reactor_.fail(connection, "the broker sent a packet that nobody asked for");
  }
  pings_answered_.add(static_cast<std::uint64_t>(now() - client.pinged_at));
  client.pinged_at = 0;
}

bool ReturningCrowd::on_lost(Connection& connection) {
  if (!gathered_) return false;
  Client& client = clients_[connection.index];
  const Nanoseconds time = now();
  if (client.cut_at == 0) {
    client.cut_at = time;
    --here_;
    ++cut_;
    if (first_cut_at_ == 0) first_cut_at_ = time;
  } else {
    ++client.failures;
  }
  returns_.push_back({time + pause_of(client), connection.index, client.visits});
  std::ranges::push_heap(returns_, later);
  return true;
}

Nanoseconds ReturningCrowd::pause_of(const Client& client) {
  // A linear congruential generator (Knuth, TAOCP 3.3.4): the pauses only have to be spread.
  random_state_ = random_state_ * 6364136223846793005U + 1442695040888963407U;
  const double longer = static_cast<double>(random_state_ >> 40U) / 16'777'216.0 / 2;
  const double pause_seconds = static_cast<double>(1U << std::min(client.failures, doublings_max));
  return from_seconds(pause_seconds * (1 + longer));
}

Nanoseconds ReturningCrowd::on_round() {
  const Nanoseconds time = now();
  send_pings(time);
  open_due(time);
  Nanoseconds next = no_hurry;
  if (!pings_.empty()) next = std::min(next, pings_.front().at - time);
  if (!returns_.empty()) next = std::min(next, returns_.front().at - time);
  return next;
}

void ReturningCrowd::send_pings(Nanoseconds time) {
  for (; !pings_.empty() && pings_.front().at <= time; pings_.pop_front()) {
    const Due due = pings_.front();
    Client& client = clients_[due.client];
    if (client.connection.state != Connection::State::ready || client.visits != due.visit) continue;
    if (client.pinged_at != 0) ++pings_missed_;
    client.pinged_at = time;
    reactor_.send(client.connection, short_packet_bytes,
                  [](std::byte* place) { put_short_packet(place, mqtt::PacketType::pingreq); });
    pings_.push_back({time + from_seconds(options_.keep_alive_seconds), due.client, due.visit});
  }
}

void ReturningCrowd::open_due(Nanoseconds time) {
  while (!returns_.empty() && returns_.front().at <= time) {
    Client& client = clients_[returns_.front().client];
    std::ranges::pop_heap(returns_, later);
    returns_.pop_back();
    ++attempts_;
    reactor_.open(client.connection);
  }
}

bool ReturningCrowd::report_counts(bool complete) {
  report_.count("expected", clients_.size());
  report_.count("received", back_);
  report_.count("lost", clients_.size() - here_);
  report_.count("cut", cut_);
  report_.count("attempts", attempts_);
  report_.number("back_seconds", in_seconds(last_back_at_ - first_cut_at_));
  report_.count("away_p50_ms", away_.percentile(0.5));
  report_.count("away_p99_ms", away_.percentile(0.99));
  report_.count("pings", pings_answered_.size());
  report_.count("pings_missed", pings_missed_);
  report_.number("ping_p99_us", static_cast<double>(pings_answered_.percentile(0.99)) / 1000);
  report_.number("ping_largest_us", static_cast<double>(pings_answered_.largest()) / 1000);
  report_.count("disconnected", reactor_.lost());
  if (!reactor_.fault().empty()) report_.text("fault", reactor_.fault());
  return complete && back_ == clients_.size() && here_ == clients_.size() && pings_missed_ == 0;
}

}  // namespace bench
