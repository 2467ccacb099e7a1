#include "tools/darter-bench/retained_replay.h"

#include <algorithm>
#include <span>
#include <string>

#include "tools/darter-bench/progress.h"
#include "tools/darter-bench/text.h"

namespace bench {
namespace {

using mqtt::PacketType;

std::string retained_topic_of(std::uint32_t number) {
  return text_of("bench/retained/", number / 1000, "/", number % 1000);
}

/// Identifiers go round; windows are far smaller than this.
mqtt::PacketId id_of(std::uint32_t number) {
  return static_cast<mqtt::PacketId>(number % 60'000 + 1);
}

}  // namespace

RetainedReplay::RetainedReplay(const Options& options, Report& report)
    : options_(options),
      report_(report),
      meter_(static_cast<pid_t>(options.pid)),
      reactor_(options, *this),
      wanted_(options.count > 0 ? options.count : 50'000),
      window_(options.window),
      seen_(wanted_) {
  publisher_.client_id = "bench-publisher";
  publisher_.role = Connection::Role::publisher;
  subscriber_.client_id = "bench-subscriber";
  subscriber_.role = Connection::Role::subscriber;
}

bool RetainedReplay::run() {
  const bool complete = store() && replay();
  const bool good = report_counts() && complete;
  Connection* const both[] = {&publisher_, &subscriber_};
  reactor_.leave_all(both);
  return good;
}

bool RetainedReplay::store() {
  Connection* const connection = &publisher_;
  if (!reactor_.open_all(std::span(&connection, 1))) return false;
  window_ = std::min<std::uint32_t>(window_, publisher_.receive_maximum);
  const Reading before = meter_.read();
  storing_ = true;
  const bool stored = reactor_.run_until([&] { return acknowledged_ == wanted_; });
  meter_.report_memory(report_, before, meter_.read(), wanted_, "retained");
  return stored;
}

Nanoseconds RetainedReplay::on_round() {
  while (storing_ && published_ < wanted_ && published_ - acknowledged_ < window_) {
    const PublishTemplate message(retained_topic_of(published_), options_.payload_bytes,
                                  mqtt::Qos::at_least_once, true, options_.version());
    reactor_.send(publisher_, message.size(), [&](std::byte* place) {
      message.put(place, id_of(published_), {.sequence = published_});
    });
    ++published_;
  }
  return no_hurry;
}

bool RetainedReplay::replay() {
  Connection* const connection = &subscriber_;
  if (!reactor_.open_all(std::span(&connection, 1))) return false;
  const Reading before = meter_.read();
  const std::string filter = "bench/retained/#";
  mqtt::ByteBuffer packet;
  write_subscribe(packet, mqtt::PacketId{1}, std::span(&filter, 1), mqtt::Qos::at_least_once,
                  options_.version());
  reactor_.send(subscriber_, packet.view());
  Progress progress;
  const bool done =
      reactor_.run_until([&] { return received_ == wanted_ || progress.stands_still(received_); });
  meter_.report(report_, before, meter_.read(), received_, "message");
  // A little longer, to see duplicates.
  return reactor_.run_for(one_second / 20) && done;
}

void RetainedReplay::on_packet(Connection& connection, const mqtt::Frame& frame) {
  if (frame.type == PacketType::publish) return on_message(connection, frame);
  if (frame.type == PacketType::puback) ++acknowledged_;
}

void RetainedReplay::on_message(Connection& connection, const mqtt::Frame& frame) {
  const auto arrival = read_arrival(frame, options_.version());
  if (!arrival || arrival->mark.sequence >= wanted_) {
    return reactor_.fail(connection, "the broker sent a damaged PUBLISH");
  }
  if (arrival->qos == mqtt::Qos::at_least_once) {
    reactor_.send_ack(connection, PacketType::puback, arrival->packet_id);
  }
  if (!arrival->retain || arrival->payload_bytes != options_.payload_bytes) ++damaged_;
  if (seen_[arrival->mark.sequence]) {
    ++duplicated_;
  } else {
    seen_[arrival->mark.sequence] = true;
    ++received_;
  }
}

bool RetainedReplay::report_counts() {
  report_.count("expected", wanted_);
  report_.count("received", received_);
  report_.count("lost", wanted_ - received_);
  report_.count("duplicated", duplicated_);
  report_.count("damaged", damaged_);
  report_.count("disconnected", reactor_.lost());
  if (!reactor_.fault().empty()) report_.text("fault", reactor_.fault());
  return received_ == wanted_ && duplicated_ + damaged_ == 0;
}

}  // namespace bench
