#include "tools/darter-bench/durable_flow.h"

#include <algorithm>
#include <span>
#include <string>

#include "tools/darter-bench/progress.h"
#include "tools/darter-bench/text.h"

namespace bench {
namespace {

using mqtt::PacketType;

constexpr std::string_view topics = "bench/durable/";

Options acknowledged_once(Options options) {
  options.qos = static_cast<std::uint32_t>(mqtt::Qos::at_least_once);
  return options;
}

}  // namespace

DurableFlow::Source::Source(std::uint32_t index, const Options& options)
    : publisher(index, text_of(topics, index), acknowledged_once(options)) {}

DurableFlow::DurableFlow(const Options& options, Report& report)
    : options_(options),
      report_(report),
      meter_(static_cast<pid_t>(options.pid)),
      reactor_(options, *this) {
  session_.client_id = "bench-durable-session";
  session_.clean_session = false;
  session_.role = Connection::Role::subscriber;
  const std::uint32_t count = options.publishers > 0 ? options.publishers : 1;
  for (std::uint32_t i = 0; i < count; ++i) {
    publishers_.push_back(&sources_.emplace_back(i, options).publisher.connection());
  }
}

bool DurableFlow::run() {
  bool complete = subscribe();
  if (complete) measure();
  complete = complete && drain();
  // A little longer, to see duplicates.
  complete = reactor_.run_for(one_second / 20) && complete;
  const bool good = report_counts() && complete;
  if (complete) forget();
  return good;
}

bool DurableFlow::subscribe() {
  Connection* const session = &session_;
  if (!reactor_.open_all(std::span(&session, 1))) return false;
  const auto ready = [this] { return subscribed_ == 1 && (options_.online || left_ == 1); };
  return reactor_.run_until(ready) && reactor_.open_all(publishers_);
}

void DurableFlow::on_connected(Connection& connection) {
  if (&connection != &session_ || subscribed_ > 0) return;
  const std::string filter = text_of(topics, "#");
  mqtt::ByteBuffer packet;
  write_subscribe(packet, mqtt::PacketId{1}, std::span(&filter, 1), mqtt::Qos::at_least_once,
                  options_.version());
  reactor_.send(connection, packet.view());
}

void DurableFlow::measure() {
  publishing_ = true;
  if (!reactor_.run_for(from_seconds(options_.warmup_seconds))) return;
  measuring_ = true;
  const Reading before = meter_.read();
  const std::uint64_t acknowledged_before = acknowledged_;
  (void)reactor_.run_for(from_seconds(options_.seconds));
  measuring_ = publishing_ = false;
  meter_.report(report_, before, meter_.read(), acknowledged_ - acknowledged_before, "message");
  for (const auto& [name, share] :
       {std::pair{"p50_us", 0.5}, std::pair{"p99_us", 0.99}, std::pair{"p999_us", 0.999}}) {
    report_.number(name, static_cast<double>(latency_.percentile(share)) / 1000.0);
  }
}

Nanoseconds DurableFlow::on_round() {
  if (!publishing_) return no_hurry;
  for (Source& source : sources_) {
    const auto window =
        std::min<std::size_t>(options_.window, source.publisher.connection().receive_maximum);
    while (source.publisher.unacknowledged() < window && source.publisher.publish(reactor_, 0)) {
      source.sent_at.push_back(now());
    }
  }
  return no_hurry;
}

bool DurableFlow::drain() {
  if (!reactor_.run_until([this] { return acknowledged_ == sent(); })) return false;
  Connection* const session = &session_;
  if (!options_.online && !reactor_.open_all(std::span(&session, 1))) return false;
  Progress progress;
  return reactor_.run_until(
      [&] { return received_ == sent() || progress.stands_still(received_); });
}

void DurableFlow::forget() {
  Connection* const session = &session_;
  reactor_.leave_all(std::span(&session, 1));
  reactor_.leave_all(publishers_);
  session_.clean_session = true;
  if (reactor_.open_all(std::span(&session, 1))) reactor_.leave_all(std::span(&session, 1));
}

void DurableFlow::on_packet(Connection& connection, const mqtt::Frame& frame) {
  switch (frame.type) {
    case PacketType::publish:
      return on_message(frame);
    case PacketType::puback:
      return on_acknowledged(sources_[connection.index], frame);
    case PacketType::suback:
      ++subscribed_;
      if (!options_.online) reactor_.leave(connection);
      return;
    default:
      return reactor_.fail(connection, "the broker sent a packet that nobody asked for");
  }
}

// A broker acknowledges in the order in which it was sent to [MQTT-4.6.0-2].
void DurableFlow::on_acknowledged(Source& source, const mqtt::Frame& frame) {
  if (!source.publisher.answered(reactor_, frame)) {
    return reactor_.fail(source.publisher.connection(), "a PUBACK for nothing");
  }
  ++acknowledged_;
  if (measuring_) {
    latency_.add(static_cast<std::uint64_t>(
        std::max<Nanoseconds>(reactor_.read_at() - source.sent_at.front(), 0)));
  }
  source.sent_at.pop_front();
}

void DurableFlow::on_message(const mqtt::Frame& frame) {
  const auto arrival = read_arrival(frame, options_.version());
  if (!arrival || arrival->mark.publisher >= sources_.size()) {
    return reactor_.fail(session_, "the broker sent a damaged PUBLISH");
  }
  reactor_.send_ack(session_, PacketType::puback, arrival->packet_id);
  switch (sources_[arrival->mark.publisher].check.arrived(arrival->mark.sequence)) {
    case SequenceCheck::Arrival::duplicate:
      ++duplicated_;
      return;
    case SequenceCheck::Arrival::reordered:
      ++reordered_;
      break;
    case SequenceCheck::Arrival::in_order:
      break;
  }
  ++received_;
}

std::uint64_t DurableFlow::sent() const {
  std::uint64_t sum = 0;
  for (const Source& source : sources_) sum += source.publisher.sent();
  return sum;
}

bool DurableFlow::report_counts() {
  std::uint64_t lost = 0;
  for (const Source& source : sources_) lost += source.check.lost_of(source.publisher.sent());
  report_.count("expected", sent());
  report_.count("received", received_);
  report_.count("lost", lost);
  report_.count("duplicated", duplicated_);
  report_.count("reordered", reordered_);
  report_.count("unacknowledged", sent() - acknowledged_);
  report_.count("disconnected", reactor_.lost());
  if (!reactor_.fault().empty()) report_.text("fault", reactor_.fault());
  return lost + duplicated_ + reordered_ + (sent() - acknowledged_) == 0;
}

}  // namespace bench
