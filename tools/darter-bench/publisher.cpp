#include "tools/darter-bench/publisher.h"

#include "broker/wire/cursor.h"

namespace bench {
namespace {

/// Those of latency: more than can be under way. In a closed loop fewer fit the cache better.
std::uint16_t ids_for(const Options& options) {
  if (options.scenario == "latency") return 65'535;
  return static_cast<std::uint16_t>(2 * options.window);
}

}  // namespace

Publisher::Publisher(std::uint32_t index, const std::string& topic, const Options& options)
    : message_(topic, options.payload_bytes, options.quality(), false, options.version()),
      ids_(ids_for(options)),
      qos_(options.quality()),
      index_(index) {
  connection_.client_id = "bench-publisher-" + std::to_string(index);
  connection_.role = Connection::Role::publisher;
  connection_.index = index;
}

bool Publisher::publish(Reactor& reactor, Nanoseconds stamp) {
  mqtt::PacketId id{0};
  if (qos_ != mqtt::Qos::at_most_once) {
    const auto taken = ids_.take();
    if (!taken) return false;
    id = *taken;
  }
  const Mark mark{.publisher = index_, .sequence = sent_++, .stamp = stamp};
  reactor.send(connection_, message_.size(),
               [&](std::byte* place) { message_.put(place, id, mark); });
  return true;
}

bool Publisher::answered(Reactor& reactor, const mqtt::Frame& frame) {
  const auto number = mqtt::Cursor(frame.body).two_byte_integer();
  if (!number) return false;
  const auto id = static_cast<mqtt::PacketId>(*number);
  if (!ids_.answered(frame.type, id, qos_)) return false;
  if (frame.type == mqtt::PacketType::pubrec) {
    reactor.send_ack(connection_, mqtt::PacketType::pubrel, id);
  }
  return true;
}

}  // namespace bench
