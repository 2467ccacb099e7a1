#include "tools/darter-bench/idle_crowd.h"

#include <algorithm>
#include <span>
#include <string>

#include "tools/darter-bench/crowd_address.h"
#include "tools/darter-bench/packets.h"
#include "tools/darter-bench/progress.h"
#include "tools/darter-bench/text.h"

namespace bench {
namespace {

std::string topic_of(std::uint32_t number) { return text_of("bench/idle/", number); }

}  // namespace

IdleCrowd::IdleCrowd(const Options& options, Report& report)
    : options_(options),
      report_(report),
      meter_(static_cast<pid_t>(options.pid)),
      reactor_(options, *this) {
  const std::uint32_t count = std::min(options.count > 0 ? options.count : crowd_max, crowd_max);
  for (std::uint32_t i = 0; i < count; ++i) {
    Connection& connection = crowd_.emplace_back();
    connection.client_id = text_of("bench-idle-", i);
    connection.role = Connection::Role::subscriber;
    connection.index = i;
    connection.source_address = crowd_address(i);
    pointers_.push_back(&connection);
  }
  publisher_.client_id = "bench-publisher";
  publisher_.role = Connection::Role::publisher;
  seen_.resize(count);
}

bool IdleCrowd::run() {
  bool complete = gather();
  const Reading before = meter_.read();
  complete = complete && reactor_.run_for(from_seconds(options_.seconds));
  const Reading after = meter_.read();
  report_.number("idle_cpu_share",
                 in_seconds(after.cpu - before.cpu) / in_seconds(after.time - before.time));
  complete = complete && wake();
  const bool good = report_counts() && complete;
  pointers_.push_back(&publisher_);
  reactor_.leave_all(pointers_);
  return good;
}

bool IdleCrowd::gather() {
  Connection* const publisher = &publisher_;
  if (!reactor_.open_all(std::span(&publisher, 1))) return false;
  const Reading before = meter_.read();
  const bool all_here =
      reactor_.open_all(pointers_) && reactor_.run_until([&] { return granted_ == crowd_.size(); });
  const Reading after = meter_.read();
  meter_.report(report_, before, after, granted_, "connection");
  // Buffers that were needed to come in may go back to the system in the meantime.
  const bool stayed = all_here && reactor_.run_for(from_seconds(options_.warmup_seconds));
  meter_.report_memory(report_, before, meter_.read(), granted_, "connection");
  return stayed;
}

void IdleCrowd::on_connected(Connection& connection) {
  if (connection.role == Connection::Role::publisher) return;
  const std::string filter = topic_of(connection.index);
  mqtt::ByteBuffer packet;
  write_subscribe(packet, mqtt::PacketId{1}, std::span(&filter, 1), mqtt::Qos::at_most_once,
                  options_.version());
  reactor_.send(connection, packet.view());
}

bool IdleCrowd::wake() {
  waking_ = true;
  Progress progress;
  const bool done = reactor_.run_until(
      [&] { return received_ == crowd_.size() || progress.stands_still(received_); });
  // A little longer, to see duplicates.
  return reactor_.run_for(one_second / 20) && done;
}

Nanoseconds IdleCrowd::on_round() {
  while (waking_ && published_ < crowd_.size() && published_ - received_ < options_.window) {
    const PublishTemplate message(topic_of(published_), options_.payload_bytes,
                                  mqtt::Qos::at_most_once, false, options_.version());
    reactor_.send(publisher_, message.size(), [&](std::byte* place) {
      message.put(place, mqtt::PacketId{0}, {.sequence = published_});
    });
    ++published_;
  }
  return no_hurry;
}

void IdleCrowd::on_packet(Connection& connection, const mqtt::Frame& frame) {
  if (frame.type == mqtt::PacketType::publish) return on_message(connection, frame);
  if (frame.type == mqtt::PacketType::suback) ++granted_;
}

void IdleCrowd::on_message(Connection& connection, const mqtt::Frame& frame) {
  const auto arrival = read_arrival(frame, options_.version());
  if (!arrival) return reactor_.fail(connection, "the broker sent a damaged PUBLISH");
  if (connection.role != Connection::Role::subscriber ||
      arrival->mark.sequence != connection.index) {
    ++misrouted_;
  } else if (seen_[connection.index]) {
    ++duplicated_;
  } else {
    seen_[connection.index] = true;
    ++received_;
  }
}

bool IdleCrowd::report_counts() {
  const std::uint64_t expected = crowd_.size();
  report_.count("expected", expected);
  report_.count("received", received_);
  report_.count("lost", expected - received_);
  report_.count("duplicated", duplicated_);
  report_.count("misrouted", misrouted_);
  report_.count("disconnected", reactor_.lost());
  if (!reactor_.fault().empty()) report_.text("fault", reactor_.fault());
  return received_ == expected && duplicated_ + misrouted_ == 0;
}

}  // namespace bench
