#include "tools/darter-bench/offline_queue.h"

#include <algorithm>
#include <span>
#include <string>

#include "tools/darter-bench/progress.h"
#include "tools/darter-bench/text.h"

namespace bench {
namespace {

using mqtt::PacketType;

std::string topic_text(std::uint32_t topic) { return text_of("bench/offline/", topic); }

}  // namespace

OfflineQueue::OfflineQueue(const Options& options, Report& report)
    : options_(options),
      report_(report),
      meter_(static_cast<pid_t>(options.pid)),
      reactor_(options, *this),
      count_(options.count > 0 ? options.count : 500),
      window_(options.window) {
  const std::uint32_t sessions = options.subscribers > 0 ? options.subscribers : 100;
  for (std::uint32_t i = 0; i < sessions; ++i) {
    Connection& connection = sessions_.emplace_back();
    connection.client_id = text_of("bench-session-", i);
    connection.clean_session = false;
    connection.role = Connection::Role::subscriber;
    connection.index = i;
    pointers_.push_back(&connection);
  }
  for (std::uint32_t i = 0; i < (options.own_topics ? sessions : 1); ++i) {
    messages_.emplace_back(topic_text(i), options.payload_bytes, mqtt::Qos::at_least_once, false,
                           options.version());
  }
  publisher_.client_id = "bench-publisher";
  publisher_.role = Connection::Role::publisher;
  checks_.resize(sessions);
}

bool OfflineQueue::run() {
  bool complete = subscribe();
  const Reading before = meter_.read();
  complete = complete && queue();
  const Reading queued = meter_.read();
  meter_.report_memory(report_, before, queued, expected(), "queued");
  complete = complete && drain();
  meter_.report(report_, before, meter_.read(), received_, "message");
  // A little longer, to see duplicates.
  complete = reactor_.run_for(one_second / 20) && complete;
  const bool good = report_counts() && complete;
  if (complete) forget();
  return good;
}

bool OfflineQueue::subscribe() {
  Connection* const publisher = &publisher_;
  return reactor_.open_all(pointers_) &&
         reactor_.run_until([&] { return left_ == sessions_.size(); }) &&
         reactor_.open_all(std::span(&publisher, 1));
}

void OfflineQueue::on_connected(Connection& connection) {
  if (connection.role == Connection::Role::publisher) return;
  if (phase_ == Phase::draining && !connection.session_present) ++forgotten_;
  if (phase_ == Phase::forgetting) reactor_.leave(connection);
  if (phase_ != Phase::subscribing) return;
  const std::string filter = topic_text(options_.own_topics ? connection.index : 0);
  mqtt::ByteBuffer packet;
  write_subscribe(packet, mqtt::PacketId{1}, std::span(&filter, 1), mqtt::Qos::at_least_once,
                  options_.version());
  reactor_.send(connection, packet.view());
}

bool OfflineQueue::queue() {
  window_ = std::min<std::uint32_t>(window_, publisher_.receive_maximum);
  phase_ = Phase::queueing;
  const auto total = static_cast<std::uint32_t>(count_ * messages_.size());
  return reactor_.run_until([&] { return acknowledged_ == total; });
}

Nanoseconds OfflineQueue::on_round() {
  const auto topics = static_cast<std::uint32_t>(messages_.size());
  while (phase_ == Phase::queueing && published_ < count_ * topics &&
         published_ - acknowledged_ < window_) {
    const std::uint32_t topic = published_ % topics;
    const auto id = static_cast<mqtt::PacketId>(published_ % 60'000 + 1);
    const Mark mark{.publisher = topic, .sequence = published_ / topics};
    reactor_.send(publisher_, messages_[topic].size(),
                  [&](std::byte* place) { messages_[topic].put(place, id, mark); });
    ++published_;
  }
  return no_hurry;
}

bool OfflineQueue::drain() {
  phase_ = Phase::draining;
  if (!reactor_.open_all(pointers_)) return false;
  Progress progress;
  return reactor_.run_until(
      [&] { return received_ == expected() || progress.stands_still(received_); });
}

void OfflineQueue::forget() {
  phase_ = Phase::forgetting;
  pointers_.push_back(&publisher_);
  reactor_.leave_all(pointers_);
  pointers_.pop_back();
  for (Connection& session : sessions_) session.clean_session = true;
  if (reactor_.open_all(pointers_)) reactor_.leave_all(pointers_);
}

void OfflineQueue::on_packet(Connection& connection, const mqtt::Frame& frame) {
  switch (frame.type) {
    case PacketType::publish:
      return on_message(connection, frame);
    case PacketType::puback:
      ++acknowledged_;
      return;
    case PacketType::suback:
      return reactor_.leave(connection);
    default:
      return reactor_.fail(connection, "the broker sent a packet that nobody asked for");
  }
}

void OfflineQueue::on_message(Connection& connection, const mqtt::Frame& frame) {
  const auto arrival = read_arrival(frame, options_.version());
  if (!arrival) return reactor_.fail(connection, "the broker sent a damaged PUBLISH");
  if (arrival->qos == mqtt::Qos::at_least_once) {
    reactor_.send_ack(connection, PacketType::puback, arrival->packet_id);
  }
  const std::uint32_t topic = options_.own_topics ? connection.index : 0;
  if (arrival->mark.publisher != topic || connection.role != Connection::Role::subscriber) {
    ++misrouted_;
    return;
  }
  const auto kind = checks_[connection.index].arrived(arrival->mark.sequence);
  if (kind == SequenceCheck::Arrival::reordered) ++reordered_;
  ++(kind == SequenceCheck::Arrival::duplicate ? duplicated_ : received_);
}

bool OfflineQueue::report_counts() {
  const std::uint64_t lost = expected() - std::min(received_, expected());
  report_.count("expected", expected());
  report_.count("received", received_);
  report_.count("lost", lost);
  report_.count("duplicated", duplicated_);
  report_.count("reordered", reordered_);
  report_.count("misrouted", misrouted_);
  report_.count("forgotten", forgotten_);
  report_.count("disconnected", reactor_.lost());
  if (!reactor_.fault().empty()) report_.text("fault", reactor_.fault());
  return lost + duplicated_ + reordered_ + misrouted_ + forgotten_ == 0;
}

}  // namespace bench
