#include "tools/darter-bench/flow.h"

#include <span>

#include "broker/wire/cursor.h"
#include "tools/darter-bench/progress.h"

namespace bench {
namespace {

using Role = Connection::Role;
using mqtt::PacketType;

}  // namespace

Flow::Flow(const Options& options, Report& report)
    : options_(options),
      report_(report),
      traffic_(traffic_of(options)),
      meter_(static_cast<pid_t>(options.pid)),
      reactor_(options, *this),
      others_(options, traffic_, reactor_),
      checks_(traffic_.links()) {
  for (std::uint32_t i = 0; i < traffic_.subscribers; ++i) {
    Connection& connection = subscribers_.emplace_back();
    connection.client_id = "bench-subscriber-" + std::to_string(i);
    connection.role = Role::subscriber;
    connection.index = i;
    connections_.push_back(&connection);
  }
  for (std::uint32_t i = 0; i < traffic_.publishers; ++i) {
    connections_.push_back(
        &publishers_.emplace_back(i, traffic_.topic_of(i), options).connection());
  }
}

bool Flow::run() {
  const bool prepared = prepare();
  if (prepared) {
    measure();
    settle();
    report_more();
  }
  const bool good = report_counts() && prepared && reactor_.fault().empty();
  reactor_.leave_all(connections_);
  return good;
}

bool Flow::prepare() {
  if (!reactor_.open_all(connections_)) return false;
  if (options_.others > 0 && !others_.stand(meter_, report_)) return false;
  for (Connection& connection : subscribers_) {
    mqtt::ByteBuffer packet;
    const std::string filter = traffic_.filter_of(connection.index);
    write_subscribe(packet, mqtt::PacketId{1}, std::span(&filter, 1), options_.quality(),
                    options_.version());
    reactor_.send(connection, packet.view());
  }
  return reactor_.run_until([&] { return granted_ == subscribers_.size(); });
}

void Flow::settle() {
  Progress progress;
  (void)reactor_.run_until([&] {
    const std::uint64_t open = unacknowledged();
    return (delivered_ >= expected() && open == 0) || progress.stands_still(delivered_ - open);
  });
  // A little longer, to see duplicates.
  (void)reactor_.run_for(one_second / 20);
}

void Flow::on_packet(Connection& connection, const mqtt::Frame& frame) {
  switch (frame.type) {
    case PacketType::publish:
      return on_publish(connection, frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return on_answer(connection, frame);
    case PacketType::suback:
      return on_suback(connection, frame);
    default:
      return reactor_.fail(connection, "the broker sent a packet that nobody asked for");
  }
}

void Flow::on_publish(Connection& connection, const mqtt::Frame& frame) {
  const auto arrival = read_arrival(frame, options_.version());
  if (!arrival) return reactor_.fail(connection, "the broker sent a damaged PUBLISH");
  acknowledge(connection, *arrival);
  if (arrival->payload_bytes != options_.payload_bytes) {
    ++damaged_;
  } else if (connection.role != Role::subscriber ||
             !traffic_.reaches(arrival->mark.publisher, connection.index)) {
    ++misrouted_;
  } else {
    check(connection.index, *arrival);
  }
}

void Flow::acknowledge(Connection& connection, const Arrival& arrival) {
  if (arrival.qos == mqtt::Qos::at_most_once) return;
  const bool once = arrival.qos == mqtt::Qos::at_least_once;
  reactor_.send_ack(connection, once ? PacketType::puback : PacketType::pubrec, arrival.packet_id);
}

void Flow::check(std::uint32_t subscriber, const Arrival& arrival) {
  SequenceCheck& link = checks_[traffic_.link(arrival.mark.publisher, subscriber)];
  switch (link.arrived(arrival.mark.sequence)) {
    case SequenceCheck::Arrival::duplicate:
      ++duplicated_;
      return;
    case SequenceCheck::Arrival::reordered:
      ++reordered_;
      break;
    case SequenceCheck::Arrival::in_order:
      break;
  }
  ++delivered_;
  on_delivered(arrival.mark);
}

void Flow::on_answer(Connection& connection, const mqtt::Frame& frame) {
  if (connection.role == Role::publisher && frame.type != PacketType::pubrel) {
    if (!publishers_[connection.index].answered(reactor_, frame)) {
      return reactor_.fail(connection, "the broker acknowledged what was not published");
    }
    if (frame.type != PacketType::pubrec) on_acknowledged(connection.index);
  } else if (frame.type == PacketType::pubrel) {
    const auto id = mqtt::Cursor(frame.body).two_byte_integer();
    reactor_.send_ack(connection, PacketType::pubcomp, mqtt::PacketId{id.value_or(0)});
  }
}

void Flow::on_suback(Connection& connection, const mqtt::Frame& frame) {
  if (connection.role == Role::other) return others_.on_suback(connection, frame);
  if (frame.body.back() != static_cast<std::byte>(options_.qos)) {
    return reactor_.fail(connection, "the broker did not grant a subscription as it was asked");
  }
  ++granted_;
}

std::uint64_t Flow::expected() const {
  std::uint64_t messages = 0;
  for (const Publisher& publisher : publishers_) messages += publisher.sent();
  return messages * traffic_.receivers();
}

std::uint64_t Flow::lost() const {
  std::uint64_t messages = 0;
  for (const Connection& subscriber : subscribers_) {
    const std::uint32_t group = subscriber.index % traffic_.groups;
    for (std::uint32_t i = group; i < traffic_.publishers; i += traffic_.groups) {
      messages += checks_[traffic_.link(i, subscriber.index)].lost_of(publishers_[i].sent());
    }
  }
  return messages;
}

std::uint64_t Flow::unacknowledged() const {
  std::uint64_t messages = 0;
  for (const Publisher& publisher : publishers_) messages += publisher.unacknowledged();
  return messages;
}

bool Flow::report_counts() {
  report_.count("expected", expected());
  report_.count("received", delivered_);
  report_.count("lost", lost());
  report_.count("duplicated", duplicated_);
  report_.count("reordered", reordered_);
  report_.count("misrouted", misrouted_);
  report_.count("damaged", damaged_);
  report_.count("unacknowledged", unacknowledged());
  report_.count("disconnected", reactor_.lost());
  if (!reactor_.fault().empty()) report_.text("fault", reactor_.fault());
  return lost() + duplicated_ + reordered_ + misrouted_ + damaged_ + unacknowledged() == 0;
}

}  // namespace bench
