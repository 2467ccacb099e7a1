// Work that takes more than one turn: large SUBSCRIBE packets, many retained messages, the end of
// large sessions.

#include <algorithm>
#include <catch2/catch.hpp>

#include "test/broker/fixture.h"

using mqtt::Version;
using Strings = std::vector<std::string>;
using test::Broker;

namespace {

constexpr mqtt::PacketId id{7};

std::string subscribe(const Strings& filters) {
  mqtt::Subscribe packet{.packet_id = id};
  for (const std::string& filter : filters) packet.entries.push_back({.filter = filter});
  return test::encoded(packet);
}
std::string unsubscribe(const Strings& filters) {
  return test::encoded(
      mqtt::Unsubscribe{.packet_id = id, .filters = {filters.begin(), filters.end()}});
}

Strings numbered(const std::string& before, int count, const std::string& after = "") {
  Strings all;
  for (int i = 0; i < count; ++i) all.push_back(before + std::to_string(i) + after);
  return all;
}

std::string answer(const std::string& type, int count, const std::string& code = "00") {
  std::string text = type + " m7";
  for (int i = 0; i < count; ++i) text += " " + code;
  return text;
}

const std::string ping = test::pingreq();

/// Plays turns in which another client pings, until `client` has got `expected`. Returns how many.
int turns_until(Broker& broker, Broker::Client client, Broker::Client other,
                const std::string& expected) {
  for (int turns = 1; turns < 1000; ++turns) {
    broker.send(other, ping);
    for (std::uint32_t shard = 0; shard < broker.shards(); ++shard) broker.end_turn(shard);
    CHECK(broker.received(other) == Strings{"PINGRESP"});
    const Strings got = broker.received(client);
    if (std::ranges::find(got, expected) != got.end()) return turns;
  }
  FAIL("no end");
  return 0;
}

std::size_t subscriptions_of(const Broker& broker) { return broker.metrics().subscriptions; }

/// Begins some work, and plays the turns of shard 0 until a figure has changed by `count`. Returns
/// the most by which it changed in one turn.
template <typename Begin, typename Figure>
std::size_t most_in_a_turn(Broker& broker, std::size_t count, Begin&& begin, Figure&& figure) {
  std::size_t most = 0;
  std::size_t all = 0;
  broker.apart = true;
  const auto look = [&](std::size_t before) {
    const std::size_t after = figure();
    const std::size_t change = std::max(after, before) - std::min(after, before);
    most = std::max(most, change);
    all += change;
  };
  std::size_t before = figure();
  begin();
  look(before);
  for (int turns = 0; turns < 1000 && all < count; ++turns) {
    before = figure();
    broker.end_turn(0);
    look(before);
  }
  CHECK(all == count);
  broker.apart = false;
  broker.settle();
  return most;
}

}  // namespace

// A turn that does so little is short on every machine, however large the packet.
TEST_CASE("no turn does more than 1024 steps of any kind of work", "[shard][work]") {
  constexpr std::size_t steps = 1024;
  constexpr int count = 5000;
  Broker broker;
  const auto client = broker.client("c");
  const auto publisher = broker.client("p");
  const Strings filters = numbered(GENERATE("a/", "$share/g"), count, "/x");
  const auto subscriptions = [&] { return subscriptions_of(broker); };
  CHECK(most_in_a_turn(
            broker, count, [&] { broker.send(client, subscribe(filters)); }, subscriptions) <=
        steps);
  CHECK(most_in_a_turn(
            broker, count, [&] { broker.send(client, unsubscribe(filters)); }, subscriptions) <=
        steps);
  broker.send(client, subscribe(filters));
  CHECK(most_in_a_turn(broker, count, [&] { broker.lose(client); }, subscriptions) <= steps);

  for (const std::string& topic : numbered("r/", count)) {
    broker.publish(publisher, topic, "x", {.retain = true});
  }
  const auto reader = broker.client("r");
  std::size_t messages = 0;
  CHECK(most_in_a_turn(
            broker, count, [&] { broker.send(reader, subscribe({"r/#"})); },
            [&] { return messages += broker.publishes(reader).size(); }) <= steps);
}

// Whether a member is there is told group by group: whose turn it is changes with that.
TEST_CASE("no turn rebalances more than 1024 groups", "[shard][work]") {
  constexpr int steps = 1024;
  constexpr int count = 5000;
  Broker broker;
  const auto member = broker.client("m", test::lasting());
  const auto other = broker.client("o", test::lasting());
  const Strings filters = numbered("$share/g", count, "/x");
  broker.send(member, subscribe(filters));
  broker.send(other, subscribe(filters));
  broker.received(other);
  broker.apart = true;
  broker.shard(0).work(broker.now);  // a turn begins
  broker.lose(member);
  int turns = 1;
  while (broker.shard(0).work(broker.now)) ++turns;
  CHECK(turns >= count / steps);
  CHECK(turns <= 2 * count / steps + 2);
  broker.apart = false;
  broker.settle();
  // All of the groups know: none gives its message to the member that is away.
  broker.publish(broker.client("p"), "x", "hello");
  CHECK(broker.publishes(other).size() == count);
}

TEST_CASE("a large SUBSCRIBE and its UNSUBSCRIBE let others have their turns", "[shard][work]") {
  constexpr int count = 5000;
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c");
  const auto other = broker.client("o");
  broker.received(client);
  broker.received(other);
  const std::string share = GENERATE("", "$share/g");
  const Strings filters = share.empty() ? numbered("a/", count) : numbered(share, count, "/x");
  broker.apart = true;
  broker.send(client, subscribe(filters) + ping);
  CHECK_FALSE(broker.reads(client));
  CHECK(turns_until(broker, client, other, answer("SUBACK", count)) > 2);
  broker.apart = false;
  broker.settle();
  CHECK(broker.reads(client));
  const broker::Metrics before = broker.metrics();
  CHECK(before.subscriptions + (share.empty() ? 0U : 0U) >= std::size_t{count});

  broker.apart = true;
  broker.send(client, unsubscribe(filters));
  CHECK(turns_until(broker, client, other, answer("UNSUBACK", count)) > 2);
  broker.apart = false;
  broker.settle();
  CHECK(broker.metrics().subscriptions == 0);
  broker.send(client, ping);
  CHECK(broker.received(client) == Strings{"PINGRESP"});
}

TEST_CASE("what a client sends behind a large SUBSCRIBE is handled after it", "[shard][work]") {
  Broker broker;
  const auto client = broker.client("c");
  broker.received(client);
  Strings filters = numbered("a/", 3000);
  broker.send(client, subscribe(filters) + test::publish("a/5", "x") + unsubscribe({"a/5"}) + ping);
  CHECK(broker.received(client) ==
        Strings{answer("SUBACK", 3000), "PUBLISH q0 r0 d0 m0 a/5 x", "UNSUBACK m7 00", "PINGRESP"});
}

TEST_CASE("a large SUBSCRIBE that is wrong at its end changes nothing", "[shard][work]") {
  Broker broker;
  const auto client = broker.client("c");
  Strings filters = numbered("a/", 20'000);
  filters.emplace_back("a/#/b");
  broker.send(client, subscribe(filters));
  CHECK(broker.closed(client));
  CHECK(broker.metrics().subscriptions == 0);
}

TEST_CASE("retained messages come once for equal filters of one packet", "[shard][work]") {
  Broker broker;
  const auto publisher = broker.client("p");
  for (const std::string& topic : numbered("r/", 5)) {
    broker.publish(publisher, topic, "x", {.retain = true});
  }
  const auto client = broker.client("c");
  broker.received(client);
  mqtt::Subscribe packet{.packet_id = id};
  packet.entries.assign(1000, {.filter = "r/#"});
  packet.entries.back().qos = mqtt::Qos::exactly_once;
  packet.entries.back().retain_handling = mqtt::RetainHandling::send_if_new;
  broker.send(client, test::encoded(packet));
  CHECK(broker.publishes(client).size() == 5);
  CHECK(broker.metrics().subscriptions == 1);
  // The last one's options count.
  broker.publish(publisher, "r/new", "x", {.qos = 1});
  CHECK(broker.publishes(client) == Strings{"PUBLISH q1 r0 d0 m1 r/new x"});
}

TEST_CASE("retained messages of several turns: each once, in the state it has by then",
          "[shard][work]") {
  constexpr int count = 5000;
  Broker broker;
  const auto publisher = broker.client("p");
  for (const std::string& topic : numbered("r/", count)) {
    broker.publish(publisher, topic, "old", {.retain = true});
  }
  const auto client = broker.client("c");
  broker.received(client);
  broker.apart = true;
  broker.send(client, subscribe({"r/#"}));
  broker.end_turn(0);
  Strings got = broker.received(client);
  REQUIRE(got.front() == "SUBACK m7 00");
  CHECK(got.size() < std::size_t{count});
  // Where the walk stands, what it has seen and what is to come: removed, or replaced.
  for (int i = 0; i < count; i += 2) {
    broker.publish(publisher, "r/" + std::to_string(i), i % 4 == 0 ? "" : "new", {.retain = true});
    broker.end_turn(0);
  }
  broker.apart = false;
  broker.settle();
  const Strings rest = broker.received(client);
  got.insert(got.end(), rest.begin(), rest.end());
  for (int i = 0; i < count; ++i) {
    const std::string topic = " r/" + std::to_string(i) + " ";
    const auto of = [&](const std::string& kind) {
      return std::ranges::count_if(got, [&](const std::string& one) {
        return one.starts_with("PUBLISH q0 " + kind) && one.find(topic) != std::string::npos;
      });
    };
    if (i % 500 > 3) continue;
    CAPTURE(i);
    CHECK(of("r0") == (i % 2 == 0 ? 1 : 0));  // the live ones
    CHECK(of("r1") <= 1);
    if (i % 2 == 1) CHECK(of("r1") == 1);
  }
  const auto late = std::ranges::count_if(got, [](const std::string& one) {
    return one.starts_with("PUBLISH q0 r1") && one.ends_with(" new");
  });
  CHECK(late == 0);  // they were delivered when they came
}

TEST_CASE("a client may go, or be taken over, in the middle of its packet", "[shard][work]") {
  Broker broker;
  const auto publisher = broker.client("p");
  for (const std::string& topic : numbered("r/", 3000)) {
    broker.publish(publisher, topic, "x", {.retain = true});
  }
  const auto client = broker.client("c", test::lasting());
  const bool retained = GENERATE(true, false);
  const bool takeover = GENERATE(true, false);
  broker.apart = true;
  broker.send(client, subscribe(retained ? Strings{"r/#"} : numbered("a/", 5000)));
  broker.end_turn(0);
  if (!takeover) broker.lose(client);
  broker.apart = false;
  const auto again = broker.client("c", test::lasting());
  CHECK(broker.received(again).front().starts_with("CONNACK 1 00"));
  broker.send(again, ping);
  CHECK(broker.received(again).back() == "PINGRESP");
  const std::size_t left = broker.metrics().subscriptions;
  CHECK(left == (retained ? 1U : left));
  CHECK(left < 5000);
  // The topics of the walk that was broken off are free.
  for (const std::string& topic : numbered("r/", 3000)) {
    broker.publish(publisher, topic, "", {.retain = true});
  }
  CHECK(broker.metrics().retained_messages == 0);
}

TEST_CASE("keep alive does not count while a client's packet is handled", "[shard][work]") {
  Broker broker;
  const auto client = broker.client("c", {.keep_alive_seconds = 1});
  broker.apart = true;
  broker.send(client, subscribe(numbered("a/", 5000)));
  broker.pass_milliseconds(5000);
  CHECK_FALSE(broker.closed(client));
  broker.apart = false;
  broker.settle();
  broker.pass_milliseconds(1000);
  CHECK_FALSE(broker.closed(client));
  broker.pass_milliseconds(1000);
  CHECK(broker.closed(client));
}

TEST_CASE("the end of a large session lets others have their turns", "[shard][work]") {
  constexpr int count = 5000;
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c");
  const auto other = broker.client("o");
  broker.send(client, subscribe(numbered("a/", count)));
  broker.send(client, subscribe(numbered("$share/g", count, "/s")));
  broker.received(other);
  broker.apart = true;
  broker.lose(client);
  broker.send(other, ping);
  for (std::uint32_t shard = 0; shard < broker.shards(); ++shard) broker.end_turn(shard);
  CHECK(broker.received(other) == Strings{"PINGRESP"});
  CHECK(broker.metrics().sessions == 1);
  CHECK(broker.metrics().subscriptions > std::size_t{count});
  broker.apart = false;
  // The next session of that client has nothing of it.
  const auto again = broker.client("c", {.clean = false});
  CHECK(broker.received(again).front().starts_with("CONNACK 0 00"));
  broker.publish(other, "a/1", "x");
  broker.publish(other, "s", "x", {.qos = 1});
  CHECK(broker.publishes(again).empty());
  CHECK(broker.metrics().subscriptions == 0);
  CHECK(broker.metrics().sessions == 2);
}

TEST_CASE("a group gives nothing to a member whose session is ending", "[shard][work]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("ends");
  const auto member = broker.client("stays", test::lasting());
  const auto publisher = broker.client("p");
  broker.send(client, subscribe(numbered("a/", 5000)));
  broker.subscribe(client, "$share/g/t", {.qos = 1});
  broker.subscribe(member, "$share/g/t", {.qos = 1});
  broker.received(member);
  broker.apart = true;
  broker.lose(client);
  broker.apart = false;
  for (int i = 0; i < 10; ++i) broker.publish(publisher, "t", std::to_string(i), {.qos = 1});
  CHECK(broker.take_all(member).size() == 10);
}

TEST_CASE("SUBACK of several turns waits until all of them are stored", "[shard][work][journal]") {
  test::MemoryStore store;
  {
    Broker broker(1, store);
    const auto client = broker.client("c", test::lasting());
    broker.received(client);
    broker.disk_stalls = true;
    broker.send(client, subscribe(numbered("a/", 3000)));
    CHECK(broker.received(client).empty());
    broker.sync(1);
    CHECK(broker.received(client).empty());
    broker.disk_stalls = false;
    broker.sync();
    CHECK(broker.received(client) == Strings{answer("SUBACK", 3000)});
  }
  Broker broker(1, store);
  CHECK(broker.metrics().subscriptions == 3000);
}

TEST_CASE("max_subscriptions bounds one client", "[shard][work][limits]") {
  broker::Limits limits;
  limits.max_subscriptions = 3;
  Broker broker(1, limits);
  const auto version = GENERATE(Version::v5_0, Version::v3_1_1);
  const auto client = broker.client("c", {.version = version});
  broker.received(client);
  const std::string refused = version == Version::v5_0 ? "97" : "80";
  for (const auto* filter : {"a", "b", "$share/g/c", "a", "$share/g/c"}) {
    broker.subscribe(client, filter);
    CHECK(broker.received(client) == Strings{"SUBACK m10 00"});
  }
  for (const auto* filter : {"d", "$share/g/d", "$share/h/c"}) {
    broker.subscribe(client, filter);
    CHECK(broker.received(client) == Strings{"SUBACK m10 " + refused});
  }
  CHECK(broker.log.contains("may not subscribe to more: max_subscriptions is 3."));
  broker.unsubscribe(client, "$share/g/c");
  broker.received(client);
  broker.subscribe(client, "d");
  CHECK(broker.received(client) == Strings{"SUBACK m10 00"});
}

TEST_CASE("new subscriptions are refused while memory is short", "[shard][work][limits]") {
  Broker broker;
  const auto client = broker.client("c");
  broker.subscribe(client, "a");
  broker.received(client);
  broker.set_headroom(0);
  broker.pass_milliseconds(100);
  broker.send(client, subscribe({"b", "a", "$share/g/b"}));
  CHECK(broker.received(client) == Strings{"SUBACK m7 97 00 97"});
}

TEST_CASE("before it is let in, a client sends no more than packet_max_connect",
          "[shard][work][limits]") {
  broker::Limits limits;
  limits.max_connect_packet_bytes = 1000;
  Broker broker(1, limits);
  test::ConnectOptions options;
  options.will_topic = "w";
  options.will_payload = std::string(1200, 'x');
  const auto large = broker.open();
  broker.send(large, test::connect("c", options).substr(0, 5));  // refused before it is there
  CHECK(broker.closed(large));
  options.will_payload = std::string(900, 'x');
  const auto client = broker.client("c", options);
  REQUIRE_FALSE(broker.closed(client));
  broker.subscribe(client, "t");
  broker.received(client);
  broker.publish(client, "t", std::string(5000, 'x'));
  CHECK(broker.publishes(client).size() == 1);
}

TEST_CASE("a CONNECT in pieces is not kept while memory is short", "[shard][work][limits]") {
  Broker broker;
  test::ConnectOptions options;
  options.will_topic = "w";
  options.will_payload = std::string(50'000, 'x');
  const std::string bytes = test::connect("c", options);
  const auto client = broker.open();
  broker.send(client, bytes.substr(0, 10'000));
  CHECK_FALSE(broker.closed(client));
  broker.set_headroom(0);
  broker.send(client, bytes.substr(10'000, 10'000));
  CHECK(broker.closed(client));
  CHECK(broker.log.contains("memory_limit is near, and its CONNECT is large"));
}
