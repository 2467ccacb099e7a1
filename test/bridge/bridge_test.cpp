#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "test/bridge/fixture.h"

using bridge::Direction;
using mqtt::Qos;
using mqtt::Version;
using test::Broker;
using test::Span;
using Strings = std::vector<std::string>;

namespace {

constexpr std::string_view state_topic = "$SYS/broker/connection/host.edge/state";

bridge::Options both(Version version) {
  return test::span_options({{"out/#", Direction::out, Qos::exactly_once},
                             {"in/#", Direction::in, Qos::exactly_once},
                             {"both/#", Direction::both, Qos::exactly_once},
                             {"#", Direction::both, Qos::at_least_once, "l/", "r/"}},
                            version);
}

/// A subscriber of 5.0 to everything, and to the state of bridges.
Broker::Client listener(Broker& broker) {
  const auto client = broker.client("listener");
  broker.subscribe(client, "#", {.qos = 2, .extra = 0x08});
  broker.subscribe(client, "$SYS/broker/connection/#", {.qos = 0, .extra = 0x08});
  broker.received(client);
  return client;
}

/// A subscriber of 3.1.1 to everything: packets without properties end with their payloads.
Broker::Client reader(Broker& broker) {
  const auto client = broker.client("reader", {.version = Version::v3_1_1});
  broker.subscribe(client, "#", {.qos = 2});
  broker.received(client);
  return client;
}

std::string payload_of(const std::string& line) { return line.substr(line.rfind(' ') + 1); }

}  // namespace

TEST_CASE("messages cross in both directions, with QoS 0, 1 and 2", "[bridge]") {
  Broker here;
  Broker there;
  const Version version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  Span span(here, there, both(version));
  span.start();
  REQUIRE(span.bridge.is_connected());
  const auto near = reader(here);
  const auto far = reader(there);
  const auto publisher_here = here.client("a");
  const auto publisher_there = there.client("b");
  for (unsigned qos = 0; qos < 3; ++qos) {
    here.publish(publisher_here, "out/x", "o" + std::to_string(qos), {.qos = qos, .packet_id = 5});
    there.publish(publisher_there, "in/x", "i" + std::to_string(qos), {.qos = qos, .packet_id = 5});
    span.run();
    here.pubrel(publisher_here, 5);
    there.pubrel(publisher_there, 5);
    span.run();
  }
  CHECK(there.take_all(far) == Strings{"i0", "o0", "i1", "o1", "i2", "o2"});
  CHECK(here.take_all(near) == Strings{"o0", "i0", "o1", "i1", "o2", "i2"});
  CHECK(span.bridge.figures().messages.sent == 3);
  CHECK(span.bridge.figures().messages.received == 3);
  CHECK(span.bridge.figures().messages.dropped == 0);
}

TEST_CASE("names change on the way, retained stays retained, and nothing comes back", "[bridge]") {
  Broker here;
  Broker there;
  // The bridge's bit or No Local keeps messages from going back, also with a loop in the mappings.
  Span span(here, there, both(GENERATE(Version::v3_1_1, Version::v5_0)));
  span.start();
  const auto near = listener(here);
  const auto far = listener(there);
  const auto publisher = here.client("a");
  here.publish(publisher, "l/x", "1", {.qos = 1, .packet_id = 1, .retain = true});
  here.publish(publisher, "both/x", "2", {.qos = 1, .packet_id = 2});
  span.run();
  const auto at_far = there.received(far);
  REQUIRE(at_far.size() == 2);
  CHECK(at_far[0].starts_with("PUBLISH q1 r1 d0 m1 r/x 1"));
  CHECK(at_far[1].starts_with("PUBLISH q1 r0 d0 m2 both/x 2"));
  CHECK(here.publishes(near).size() == 2);
}

TEST_CASE("a bridge says at both ends whether it is connected", "[bridge]") {
  Broker here;
  Broker there;
  const auto near = listener(here);
  const auto far = listener(there);
  Span span(here, there, both(GENERATE(Version::v3_1_1, Version::v5_0)));
  span.reachable = false;
  span.start();
  const auto state = [](bool connected) {
    return Strings{"PUBLISH q0 r1 d0 m0 " + std::string(state_topic) + (connected ? " 1" : " 0")};
  };
  CHECK(here.publishes(near) == state(false));
  CHECK(span.lines() == Strings{"Connecting bridge edge (there.example:1883)",
                                "Unable to connect bridge edge (there.example:1883): Connection "
                                "refused."});
  span.reachable = true;
  span.pass_milliseconds(1100);
  CHECK(here.publishes(near) == state(true));
  CHECK(there.publishes(far) == state(true));
  CHECK(span.lines() == Strings{"Connecting bridge edge (there.example:1883)",
                                "Bridge edge is connected to there.example:1883."});
  span.reachable = false;
  span.cut();
  CHECK(here.publishes(near) == state(false));
  CHECK(there.publishes(far) == state(false));
  span.reachable = true;
  span.pass_milliseconds(1100);
  CHECK(here.publishes(near) == state(true));
  span.bridge.stop(here.now);
  span.run();
  CHECK(here.publishes(near) == state(false));
  CHECK(there.publishes(far).back() == state(false).front());
  span.pass_milliseconds(60'000);
  CHECK_FALSE(span.bridge.is_connected());
}

TEST_CASE("what is published while the other broker is away crosses later, in order", "[bridge]") {
  Broker here;
  Broker there;
  Span span(here, there, both(GENERATE(Version::v3_1_1, Version::v5_0)));
  span.reachable = false;
  span.start();
  const auto far = reader(there);
  const auto publisher = here.client("a");
  Strings all;
  for (unsigned i = 1; i <= 50; ++i) {
    here.publish(publisher, "out/x", std::to_string(i), {.qos = 1, .packet_id = i});
    all.push_back(std::to_string(i));
  }
  CHECK(here.publishes(publisher).empty());
  span.reachable = true;
  span.pass_milliseconds(1100);
  Strings got = there.take_all(far);
  for (Strings more = {"x"}; !more.empty();) {
    span.run();
    more = there.take_all(far);
    got.insert(got.end(), more.begin(), more.end());
  }
  CHECK(got == all);
}

TEST_CASE("a message is acknowledged at one end when the other end has it on disk", "[bridge]") {
  test::MemoryStore store_here;
  test::MemoryStore store_there;
  Broker here(1, store_here);
  Broker there(1, store_there);
  Span span(here, there, both(Version::v5_0));
  span.start();
  REQUIRE(span.bridge.is_connected());
  const auto keeper = here.client("keeper", test::lasting());
  here.subscribe(keeper, "in/#", {.qos = 1});
  here.lose(keeper);
  const auto publisher = there.client("b", test::lasting());
  there.received(publisher);
  here.disk_stalls = true;
  there.publish(publisher, "in/x", "1", {.qos = 1, .packet_id = 4});
  span.run();
  // The other broker still has it for the bridge: deliveries in its store.
  CHECK(store_there.deliveries() == 1);
  here.disk_stalls = false;
  here.sync();
  here.settle();
  span.run();
  CHECK(store_there.deliveries() == 0);
  CHECK(store_here.deliveries() == 1);
}

TEST_CASE("a ring of brokers ends the way of a message by its hops", "[bridge]") {
  Broker first;
  Broker second;
  // Two bridges between one pair, in a circle, that rename: No Local does not help.
  auto there_and =
      test::span_options({{"#", Direction::out, Qos::at_least_once, "a/", "b/"}}, Version::v5_0);
  auto back =
      test::span_options({{"#", Direction::in, Qos::at_least_once, "a/", "b/"}}, Version::v5_0);
  back.remote_client_id = "host.back";
  back.local_client_id = "local.host.back";
  Span one(first, second, there_and);
  Span two(first, second, back);
  one.start();
  two.start();
  const auto near = first.client("listener");
  first.subscribe(near, "a/#");
  const auto publisher = first.client("a");
  first.received(near);
  first.publish(publisher, "a/x", "1", {.qos = 1, .packet_id = 1});
  for (int i = 0; i < 100; ++i) {
    one.run();
    two.run();
  }
  CHECK(one.bridge.figures().messages.dropped == 1);
  CHECK(first.publishes(near).size() < 20);
}

TEST_CASE("addresses are tried in turn, and the first is gone back to", "[bridge]") {
  Broker here;
  Broker there;
  auto options = both(Version::v3_1_1);
  options.addresses.push_back({"second.example", 1884});
  options.round_robin = GENERATE(false, true);
  Span span(here, there, options);
  span.reachable = false;
  span.start();
  span.reachable = true;
  span.pass_milliseconds(1100);
  REQUIRE(span.bridge.is_connected());
  span.lines();
  span.pass_milliseconds(8000);
  const Strings lines = span.lines();
  if (options.round_robin) {
    CHECK(lines.empty());
  } else {
    CHECK(lines == Strings{"Bridge edge (second.example:1884) closes: the first address can be "
                           "reached again.",
                           "Connecting bridge edge (there.example:1883)",
                           "Bridge edge is connected to there.example:1883, which has its "
                           "session."});
  }
}

TEST_CASE("a lazy bridge connects when messages wait, and leaves when none cross", "[bridge]") {
  Broker here;
  Broker there;
  auto options = both(Version::v3_1_1);
  options.start = bridge::Start::lazy;
  options.idle_milliseconds = 5000;
  Span span(here, there, options);
  span.start();
  CHECK_FALSE(span.bridge.is_connected());
  const auto far = listener(there);
  const auto publisher = here.client("a");
  here.publish(publisher, "out/x", "waits", {.qos = 1, .packet_id = 1});
  span.bridge.messages_wait(here.now);
  span.run();
  CHECK(span.bridge.is_connected());
  CHECK(payload_of(there.publishes(far).back()) == "waits");
  span.pass_milliseconds(6000);
  CHECK_FALSE(span.bridge.is_connected());
  span.pass_milliseconds(60'000);
  CHECK(span.bridge.figures().connects == 1);
}

TEST_CASE("a bridge that connects once stays away after a loss", "[bridge]") {
  Broker here;
  Broker there;
  auto options = both(Version::v3_1_1);
  options.start = bridge::Start::once;
  Span span(here, there, options);
  span.start();
  CHECK(span.bridge.is_connected());
  span.cut();
  span.pass_milliseconds(60'000);
  CHECK(span.bridge.figures().connects == 1);
}

TEST_CASE("a refusal of the other broker says why, and is not asked again before its time",
          "[bridge]") {
  Broker here;
  auto policy = Broker::open_policy();
  policy.open_to_all = false;
  Broker there(1, {}, policy);
  there.verdicts["edge"] = mqtt::Reason::not_authorized;
  auto options = both(Version::v5_0);
  options.remote_user_name = "edge";
  Span span(here, there, options);
  span.start();
  CHECK(span.lines() == Strings{"Connecting bridge edge (there.example:1883)",
                                "Bridge edge (there.example:1883): not authorised."});
  span.pass_milliseconds(900);
  CHECK(span.lines().empty());
  span.pass_milliseconds(200);
  CHECK(span.lines().size() == 2);
}

TEST_CASE("a broker that does not speak 5.0 is asked again with 3.1.1", "[bridge]") {
  Broker here;
  auto policy = Broker::open_policy();
  policy.accept_v5_0 = false;
  Broker there(1, {}, policy);
  Span span(here, there, both(Version::v5_0));
  span.start();
  CHECK(span.bridge.is_connected());
  CHECK(span.lines().at(2) == "Bridge edge connects with MQTT 3.1.1.");
}

TEST_CASE("a broker without retained messages gets none", "[bridge]") {
  Broker here;
  broker::Limits limits;
  limits.retain_available = false;
  Broker there(1, limits);
  Span span(here, there, both(Version::v5_0));
  span.start();
  CHECK(span.bridge.is_connected());
  const auto far = listener(there);
  here.publish(here.client("a"), "out/x", "1", {.qos = 1, .packet_id = 1, .retain = true});
  span.run();
  CHECK(there.publishes(far).at(0).starts_with("PUBLISH q1 r0 d0 m1 out/x 1"));
}

TEST_CASE("a message that the other broker cannot take does not stop those behind it", "[bridge]") {
  Broker here;
  Broker there;
  auto options = both(Version::v5_0);
  options.packet_bytes_max = 200;
  Span span(here, there, options);
  span.start();
  const auto far = reader(there);
  const auto publisher = here.client("a");
  here.publish(publisher, "out/x", std::string(300, 'x'), {.qos = 2, .packet_id = 1});
  here.pubrel(publisher, 1);
  here.publish(publisher, "out/x", "2", {.qos = 1, .packet_id = 2});
  span.run();
  CHECK(there.take_all(far) == Strings{"2"});
  CHECK(span.bridge.figures().messages.dropped == 1);
}

TEST_CASE("what breaks off is sent again with DUP", "[bridge]") {
  Broker here(1, {}, test::bridge_policy());
  Broker there;
  Span span(here, there, both(GENERATE(Version::v3_1_1, Version::v5_0)));
  span.start();
  REQUIRE(span.bridge.is_connected());
  const unsigned qos = GENERATE(1U, 2U);
  // The first byte of the last PUBLISH: two lengths and the topic come behind it.
  const auto first_byte = [&span] { return span.sent.at(span.sent.rfind("out/x") - 4); };
  const auto publisher = here.client("a");
  span.bytes_left = 1;  // of the message at hand
  here.publish(publisher, "out/x", "1", {.qos = qos, .packet_id = 1});
  span.run();
  CHECK(first_byte() == static_cast<char>(0x30 | qos << 1U));
  span.sent.clear();
  span.bytes_left = SIZE_MAX;
  span.pass_milliseconds(1100);
  CHECK(first_byte() == static_cast<char>(0x38 | qos << 1U));
}

TEST_CASE("identifiers of a session that the other broker has lost stand for other messages",
          "[bridge]") {
  const Version version = GENERATE(Version::v3_1_1, Version::v5_0);
  // The handshake of the first message breaks off at each of its places.
  for (std::size_t bytes = 1; bytes <= 40; ++bytes) {
    CAPTURE(bytes);
    Broker here(1, {}, test::bridge_policy());
    const auto near = reader(here);
    Broker first;
    Span span(here, first, both(version));
    span.start();
    span.bytes_left = bytes;
    first.publish(first.client("b"), "in/x", "1", {.qos = 2, .packet_id = 5});
    span.run();
    Broker second;
    span.there_restarts(second);
    span.bytes_left = SIZE_MAX;
    span.pass_milliseconds(2500);
    REQUIRE(span.bridge.is_connected());
    second.publish(second.client("b"), "in/x", "2", {.qos = 2, .packet_id = 5});
    span.run();
    const Strings got = here.take_all(near);
    CHECK(std::ranges::count(got, "1") <= 1);
    CHECK(std::ranges::count(got, "2") == 1);
  }
}

TEST_CASE("another broker that accepts connections and says nothing is given up", "[bridge]") {
  Broker here;
  Broker there;
  Span span(here, there, both(Version::v3_1_1));
  span.mute = true;
  span.start();
  span.pass_milliseconds(29'000);
  CHECK(span.lines() == Strings{"Connecting bridge edge (there.example:1883)"});
  span.pass_milliseconds(2'000);
  CHECK(span.lines() == Strings{"Bridge edge (there.example:1883): no CONNACK has come.",
                                "Connecting bridge edge (there.example:1883)"});
  CHECK_FALSE(span.bridge.is_connected());
  span.mute = false;
  span.pass_milliseconds(32'000);
  CHECK(span.bridge.is_connected());
  // One that falls silent later answers no PINGREQ.
  span.lines();
  span.mute = true;
  span.pass_milliseconds(200'000);
  CHECK(span.lines().at(0) == "Bridge edge (there.example:1883): no PINGRESP has come.");
}

TEST_CASE("packet identifiers that the other broker holds for a session that is lost here are free",
          "[bridge]") {
  const Version version = GENERATE(Version::v3_1_1, Version::v5_0);
  const bool mail_waits = GENERATE(false, true);
  Broker there;
  const auto far = reader(there);
  {
    Broker here;
    Span span(here, there, both(version));
    span.start();
    const auto publisher = here.client("a");
    const std::size_t before = span.sent.size();
    here.publish(publisher, "out/x", "one", {.qos = 2, .packet_id = 1});
    span.run();
    constexpr std::size_t pubrel_bytes = 4;
    span.bytes_left = span.sent.size() - before - pubrel_bytes;
    here.publish(publisher, "out/x", "two", {.qos = 2, .packet_id = 2});
    span.run();
    REQUIRE(there.take_all(far) == Strings{"one", "two"});
    span.here_ends();
  }
  if (mail_waits) {
    there.publish(there.client("b"), "in/x", "mail", {.qos = 1, .packet_id = 1});
    REQUIRE(there.take_all(far) == Strings{"mail"});
  }
  Broker here;
  here.now = there.now;
  const auto near = reader(here);
  Span span(here, there, both(version));
  span.start();
  REQUIRE(span.bridge.is_connected());
  CHECK(here.take_all(near) == (mail_waits ? Strings{"mail"} : Strings{}));
  const auto publisher = here.client("a");
  for (unsigned i = 1; i <= 3; ++i) {
    here.publish(publisher, "out/x", "new" + std::to_string(i), {.qos = 2, .packet_id = i});
  }
  span.run();
  CHECK(there.take_all(far) == Strings{"new1", "new2", "new3"});
}
