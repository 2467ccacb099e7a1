#include "broker/bridge/introduction.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/bridge/client_options.h"
#include "broker/wire/framer.h"
#include "broker/wire/publish.h"

using bridge::Direction;
using broker::Instant;
using mqtt::Qos;
using mqtt::Version;
using namespace std::string_view_literals;
using Lines = std::vector<std::string>;

namespace {

constexpr Instant now{1'000'000};

template <typename Packet>
Packet good(const mqtt::Decoded<Packet>& packet) {
  REQUIRE(packet);
  return *packet;
}

std::string option_text(const mqtt::SubscribeEntry& entry) {
  std::string text = " q" + std::to_string(static_cast<int>(entry.qos));
  if (entry.no_local) text += " no local";
  if (entry.retain_as_published) text += " as published";
  if (entry.retain_handling == mqtt::RetainHandling::do_not_send) text += " none retained";
  return text;
}

std::string packet_text(const mqtt::Frame& frame, Version version) {
  if (frame.type == mqtt::PacketType::subscribe) {
    const auto packet = good(mqtt::decode_subscribe(frame, version));
    REQUIRE(packet.entries.size() == 1);
    return "+ " + std::string(packet.entries[0].filter) + option_text(packet.entries[0]);
  }
  if (frame.type == mqtt::PacketType::unsubscribe) {
    const auto packet = good(mqtt::decode_unsubscribe(frame, version));
    REQUIRE(packet.filters.size() == 1);
    return "- " + std::string(packet.filters[0]);
  }
  REQUIRE(frame.type == mqtt::PacketType::publish);
  const auto packet = good(mqtt::decode_publish(frame, version));
  return std::string(packet.topic) + " " + std::string(mqtt::as_text(packet.payload)) + " q" +
         std::to_string(static_cast<int>(packet.qos)) + (packet.retain ? " retain" : "");
}

bridge::Options some_options(Version version) {
  bridge::Options options;
  options.version = version;
  options.addresses = {{"a", 1883}};
  options.mappings = {{"o/#", Direction::out, Qos::exactly_once},
                      {"i/#", Direction::in, Qos::exactly_once}};
  options.remote_client_id = options.local_client_id = "bridge";
  options.notification_topic = "n";
  options.notifications = bridge::Notifications::none;  // no will
  return options;
}

/// The clients of a bridge at both ends, as soon as they are connected.
struct Scene {
  explicit Scene(bridge::Options of, std::string_view remote_connack = "\x20\x02\x00\x00"sv)
      : options(std::move(of)) {
    connect(local, "\x20\x03\x00\x00\x00"sv);
    connect(remote, remote_connack);
  }
  static void connect(client::Client& client, std::string_view connack) {
    client.opened(now);
    client.output().clear();
    client.feed(mqtt::as_bytes(connack), now);
    while (client.next(now)) continue;
    REQUIRE(client.connected());
  }
  /// Packets that an end was sent since the last call.
  static Lines sent(client::Client& client, Version version) {
    Lines lines;
    mqtt::Bytes rest = client.output().view();
    while (!rest.empty()) {
      const auto frame = good(mqtt::next_frame(rest, 1000, version));
      REQUIRE(frame);
      lines.push_back(packet_text(*frame, version));
      rest = rest.subspan(frame->size_bytes);
    }
    client.output().clear();
    return lines;
  }
  Lines sent_here() { return sent(local, Version::v5_0); }
  Lines sent_there() { return sent(remote, options.version); }

  bridge::Options options;
  bridge::TopicMap map{options.mappings};
  client::Client remote{bridge::remote_options(options)};
  client::Client local{bridge::local_options(options, 10)};
  bridge::Introduction introduction{options, map, remote, local};
};

}  // namespace

TEST_CASE("the session here is prepared when every request has its answer", "[introduction]") {
  bridge::Options options = some_options(Version::v3_1_1);
  options.local_leftovers = {"old"};
  Scene scene(options);
  CHECK(scene.introduction.prepare_here(now));
  CHECK(scene.sent_here() == Lines{"+ o/# q2 no local as published none retained", "- old"});
  CHECK_FALSE(scene.introduction.prepared_here());
  CHECK(scene.introduction.prepared_here());
  CHECK_FALSE(scene.introduction.prepared_here());
}

TEST_CASE("answers of a connection that has ended are not awaited", "[introduction]") {
  Scene scene(some_options(Version::v3_1_1));
  CHECK(scene.introduction.prepare_here(now));
  scene.introduction.forget_answers();
  CHECK_FALSE(scene.introduction.prepared_here());
}

TEST_CASE("a bridge that only takes messages has nothing to wait for here", "[introduction]") {
  bridge::Options options = some_options(Version::v3_1_1);
  options.mappings = {{"i/#", Direction::in, Qos::exactly_once}};
  Scene scene(options);
  CHECK_FALSE(scene.introduction.prepare_here(now));
  CHECK(scene.sent_here().empty());
}

TEST_CASE("subscriptions have no higher QoS than the other broker", "[introduction]") {
  // Maximum QoS 1.
  Scene scene(some_options(Version::v5_0), "\x20\x05\x00\x00\x02\x24\x01"sv);
  scene.introduction.subscribe_here(now);
  CHECK(scene.sent_here() == Lines{"+ o/# q1 no local as published"});
  scene.introduction.subscribe_there(now);
  CHECK(scene.sent_there() == Lines{"+ i/# q1 no local as published", "- o/#"});
}

TEST_CASE("before 5.0 the other broker is asked for a QoS alone", "[introduction]") {
  bridge::Options options = some_options(Version::v3_1_1);
  options.remote_leftovers = {"old"};
  options.unsubscribes_leftovers = GENERATE(true, false);
  Scene scene(options);
  scene.introduction.subscribe_there(now);
  Lines expected = {"+ i/# q2", "- old"};
  if (options.unsubscribes_leftovers) expected.emplace_back("- o/#");
  CHECK(scene.sent_there() == expected);
}

TEST_CASE("a shared subscription may not say No Local [MQTT-3.8.3-4]", "[introduction]") {
  bridge::Options options = some_options(Version::v5_0);
  options.mappings = {{"$share/g/o", Direction::out, Qos::at_least_once}};
  Scene scene(options, "\x20\x03\x00\x00\x00"sv);
  scene.introduction.subscribe_here(now);
  CHECK(scene.sent_here() == Lines{"+ $share/g/o q1 as published"});
}

TEST_CASE("both ends are told that the bridge is connected", "[introduction]") {
  bridge::Options options = some_options(Version::v3_1_1);
  options.retains = GENERATE(true, false);
  Scene scene(options);
  scene.introduction.notify_here(now);
  CHECK(scene.sent_here() == Lines{"n 1 q1 retain"});
  scene.introduction.notify_there(now);
  CHECK(scene.sent_there() == Lines{options.retains ? "n 1 q1 retain" : "n 1 q1"});
}

TEST_CASE("the notification takes no place in a window of one", "[introduction]") {
  Scene scene(some_options(Version::v5_0), "\x20\x06\x00\x00\x03\x21\x00\x01"sv);
  scene.introduction.notify_there(now);
  CHECK(scene.sent_there() == Lines{"n 1 q0 retain"});
}
