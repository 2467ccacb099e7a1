#include "tools/darter-bench/other_subscriptions.h"

#include <algorithm>
#include <string>
#include <vector>

namespace bench {
namespace {

constexpr std::uint32_t connection_count = 10;
constexpr std::size_t filters_in_packet = 100;

}  // namespace

bool OtherSubscriptions::stand(const Meter& meter, Report& report) {
  std::vector<Connection*> all;
  for (std::uint32_t i = 0; i < connection_count; ++i) {
    Connection& connection = connections_.emplace_back();
    connection.client_id = "bench-other-" + std::to_string(i);
    all.push_back(&connection);
  }
  if (!reactor_.open_all(all)) return false;
  const Reading before = meter.read();
  for (Connection& connection : connections_) subscribe_more(connection);
  const bool granted = reactor_.run_until([&] { return granted_ >= options_.others; });
  meter.report_memory(report, before, meter.read(), granted_, "subscription");
  return granted;
}

void OtherSubscriptions::on_suback(Connection& connection, const mqtt::Frame& frame) {
  const auto is_failure = [](std::byte code) { return (code & std::byte{0x80}) != std::byte{0}; };
  const std::size_t count = std::min<std::size_t>(filters_in_packet, frame.body.size() - 2);
  const mqtt::Bytes codes = frame.body.last(count);
  if (std::ranges::any_of(codes, is_failure)) {
    return reactor_.fail(connection, "the broker did not grant one of many subscriptions");
  }
  granted_ += static_cast<std::uint32_t>(codes.size());
  subscribe_more(connection);
}

void OtherSubscriptions::subscribe_more(Connection& connection) {
  std::vector<std::string> filters;
  while (filters.size() < filters_in_packet && asked_ < options_.others) {
    filters.push_back(traffic_.other_filter(asked_++));
  }
  if (filters.empty()) return;
  mqtt::ByteBuffer packet;
  write_subscribe(packet, mqtt::PacketId{1}, filters, mqtt::Qos::at_most_once, options_.version());
  reactor_.send(connection, packet.view());
}

}  // namespace bench
