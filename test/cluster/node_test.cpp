#include "broker/cluster/node.h"

#include <catch2/catch.hpp>
#include <list>
#include <set>
#include <string>

#include "test/cluster/bucket_model.h"

using broker::Event;
using broker::Instant;
using cluster::MemberState;
using test::NodeHost;
using State = cluster::RemoteNodes::State;
using Filters = std::set<std::string>;
using namespace std::string_literals;

namespace {

/// Some nodes with their bucket, and a clock.
class World {
 public:
  NodeHost& start(const std::string& name, std::uint64_t run) {
    hosts_.emplace_back(
        bucket,
        cluster::Node::Options{
            .cluster = "c", .node = name, .incarnation = cluster::incarnation_of(run << 16U)});
    hosts_.back().connect(now);
    return hosts_.back();
  }
  /// Ends without a word.
  void kill(const NodeHost& host) {
    std::erase_if(hosts_, [&](const NodeHost& each) { return &each == &host; });
  }
  void run(std::int64_t milliseconds) {
    const Instant end = broker::after_milliseconds(now, milliseconds);
    for (; now < end; now = broker::after_milliseconds(now, 50)) {
      for (NodeHost& host : hosts_) {
        if (&host != stalled) host.step(now, random_);
      }
    }
  }

  test::Bucket bucket;
  Instant now{1'000'000};
  const NodeHost* stalled = nullptr;  // its process is stopped

 private:
  std::list<NodeHost> hosts_;
  test::Random random_;
};

cluster::Incarnation run(std::uint64_t number) { return cluster::incarnation_of(number << 16U); }

std::string beat(std::uint64_t run_number, std::uint64_t number, bool settled) {
  mqtt::ByteBuffer bytes;
  cluster::encode(
      cluster::AliveRecord{.incarnation = run(run_number), .beat = number, .settled = settled},
      bytes);
  return std::string(mqtt::as_text(bytes.view()));
}

cluster::RemoteNodes::View other(NodeHost& host, const std::string& name) {
  for (const auto& view : host.node().view().nodes) {
    if (view.name == name) return view;
  }
  return {};
}

}  // namespace

TEST_CASE("a node tells the others its filters, and subscribes to their subjects first",
          "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  world.run(500);
  a.add("x/+");
  a.add("x/+");
  a.add("$SYS/#");
  a.add("$share/group/y/#");
  b.add("z");
  a.node().tick(world.now);
  const auto orders = a.node().take_orders();
  REQUIRE(orders.size() == 5);
  CHECK(std::get<cluster::SubscribeSubject>(orders[0]).subject == "darter.c.t.x.*");
  CHECK(std::get<cluster::SubscribeSubject>(orders[1]).subject == "darter.c.l");
  CHECK(std::get<cluster::SubscribeSubject>(orders[2]).subject == "darter.c.t.y");
  CHECK(std::get<cluster::SubscribeSubject>(orders[3]).subject == "darter.c.t.y.>");
  CHECK(std::get<cluster::PutRecord>(orders[4]).key == "a.filters");
}

TEST_CASE("filters of the others come and go as they are told", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  NodeHost& c = world.start("c", 3);
  a.add("x/+");
  a.add("x/+");
  b.add("x/+");
  b.add("z");
  world.run(1000);
  CHECK(a.remote_filters() == Filters{"x/+", "z"});
  CHECK(c.remote_filters() == Filters{"x/+", "z"});
  CHECK(b.remote_filters() == Filters{"x/+"});
  CHECK(a.subjects() == Filters{"darter.c.t.x.*", "darter.c.l"});
  CHECK(b.subjects() == Filters{"darter.c.t.x.*", "darter.c.l", "darter.c.t.z"});
  a.remove(0);
  world.run(1000);
  CHECK(b.remote_filters() == Filters{"x/+"});
  a.remove(0);
  world.run(1000);
  CHECK(b.remote_filters().empty());
  CHECK(c.remote_filters() == Filters{"x/+", "z"});
  CHECK(a.subjects() == Filters{"darter.c.t.x.*", "darter.c.l"});  // messages may be on their way
  a.add("x/+");
  world.run(1500);
  a.remove(0);
  world.run(1500);
  CHECK(a.subjects().size() == 2);
  world.run(1000);
  CHECK(a.subjects().empty());
  const auto view = a.node().view();
  CHECK(view.membership == MemberState::member);
  CHECK(view.is_current);
  CHECK(view.hears_others);
  REQUIRE(view.nodes.size() == 2);
  CHECK(view.nodes[0].name == "b");
  CHECK(view.nodes[0].state == State::live);
  CHECK(view.nodes[0].filters == 2);
  CHECK(view.nodes[0].beat_age_milliseconds < 1500);
  CHECK(view.remote_filters == 2);
}

TEST_CASE("figures of a node are seen by the others with its beat", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  a.node().set_figures({.connections = 7, .sessions = 8});
  world.run(2500);
  CHECK(other(b, "a").figures == cluster::NodeFigures{.connections = 7, .sessions = 8});
}

TEST_CASE("a node that leaves is gone at once, and its records with it", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  b.add("x");
  world.run(1000);
  CHECK(a.remote_filters() == Filters{"x"});
  b.leave(world.now);
  world.kill(b);
  world.run(100);
  CHECK(a.remote_filters().empty());
  CHECK(a.lines_with(Event::cluster_node_left) == 1);
  CHECK(a.node().view().nodes.empty());
  CHECK(a.node().take_ended_runs() == std::vector{run(2)});
  CHECK(world.bucket.records.size() == 2);
}

TEST_CASE("a node that dies is forgotten after its time, its records by one survivor",
          "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  NodeHost& c = world.start("c", 3);
  c.add("x");
  world.run(2000);
  world.kill(c);
  world.run(3900);
  CHECK(a.remote_filters() == Filters{"x"});
  world.run(2000);
  CHECK(a.remote_filters().empty());
  CHECK(b.remote_filters().empty());
  CHECK(other(a, "c").state == State::left);
  CHECK(world.bucket.records.contains("c.filters"));
  world.run(6000);
  CHECK_FALSE(world.bucket.records.contains("c.filters"));
  CHECK_FALSE(world.bucket.records.contains("c.alive"));
  CHECK(a.node().view().nodes.size() == 1);
  CHECK(b.node().view().nodes.size() == 1);
}

TEST_CASE("a node that starts again is a member soon, with the filters of its new run",
          "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  b.add("old");
  b.add("both");
  world.run(2000);
  world.kill(b);
  NodeHost& again = world.start("b", 3);
  again.add("new");
  again.add("both");
  world.run(2900);
  CHECK(again.node().view().membership == MemberState::joining);
  CHECK(a.remote_filters() == Filters{"old", "both"});
  world.run(1000);
  CHECK(again.node().view().membership == MemberState::member);
  CHECK(a.remote_filters() == Filters{"new", "both"});
  CHECK(again.lines_with(Event::cluster_name_taken) == 0);
  CHECK(other(a, "b").incarnation == run(3));
}

TEST_CASE("a broker with the name of one that runs stays outside until that one ends",
          "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 9);
  b.add("b");
  world.run(10'000);
  NodeHost& twin = world.start("b", 2);
  twin.add("twin");
  world.run(20'000);
  CHECK(twin.node().view().membership == MemberState::name_taken);
  CHECK(twin.lines_with(Event::cluster_name_taken) == 1);
  CHECK(b.node().view().membership == MemberState::member);
  CHECK(b.lines_with(Event::cluster_name_taken) == 0);
  CHECK(a.remote_filters() == Filters{"b"});
  SECTION("it leaves") {
    b.leave(world.now);
    world.kill(b);
    world.run(1000);
  }
  SECTION("it dies") {
    world.kill(b);
    world.run(7000);
  }
  CHECK(twin.node().view().membership == MemberState::member);
  CHECK(a.remote_filters() == Filters{"twin"});
}

TEST_CASE("of two brokers with one name that meet after a partition the older run stays",
          "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 9);
  b.add("b");
  world.run(10'000);
  b.disconnect(world.now);
  NodeHost& twin = world.start("b", 2);
  twin.add("twin");
  // Three beats without one of the other's: it takes the name. Its own record is not settled yet.
  world.run(4000);
  CHECK(twin.node().view().membership == MemberState::member);
  b.connect(world.now);
  world.run(10'000);
  CHECK(b.node().view().membership == MemberState::member);
  CHECK(twin.node().view().membership == MemberState::name_taken);
  CHECK(a.remote_filters() == Filters{"b"});
}

TEST_CASE("two brokers that start with one name at the same time agree", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& first = world.start("b", 9);
  NodeHost& second = world.start("b", 2);
  first.add("first");
  second.add("second");
  world.run(20'000);
  CHECK(first.node().view().membership == MemberState::name_taken);
  CHECK(second.node().view().membership == MemberState::member);
  CHECK(a.remote_filters() == Filters{"second"});
}

TEST_CASE("a node that cannot hear the others forgets nobody", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  b.add("x");
  world.run(2000);
  SECTION("its link is down") {
    a.disconnect(world.now);
    world.run(60'000);
    CHECK(a.remote_filters() == Filters{"x"});
    a.connect(world.now);
  }
  SECTION("nobody can write") {
    world.bucket.has_quorum = false;
    world.run(60'000);
    CHECK(a.remote_filters() == Filters{"x"});
    world.bucket.has_quorum = true;
  }
  SECTION("its process is stopped") {
    world.stalled = &a;
    world.run(60'000);
    world.stalled = nullptr;
  }
  SECTION("the bucket is lost") {
    a.disconnect(world.now);
    b.disconnect(world.now);
    world.bucket.lose();
    a.connect(world.now);
    b.connect(world.now);
  }
  world.run(10'000);
  CHECK(a.remote_filters() == Filters{"x"});
  CHECK(a.lines_with(Event::cluster_node_left) == 0);
  CHECK(world.bucket.records.size() == 4);
}

TEST_CASE("silence before the records were read anew does not count", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  b.add("x");
  world.run(2000);
  world.stalled = &b;
  world.run(4000);
  a.disconnect(world.now);
  a.connect(world.now);
  world.run(4000);
  CHECK(a.remote_filters() == Filters{"x"});
  world.stalled = nullptr;
  world.run(1000);
  CHECK(a.lines_with(Event::cluster_node_left) == 0);
}

TEST_CASE("a node that has its name from a dead run keeps it when that one's record is seen again",
          "[cluster]") {
  World world;
  NodeHost& b = world.start("b", 2);
  world.run(10'000);
  world.kill(b);
  NodeHost& again = world.start("b", 3);
  world.run(2900);
  // Its first beat cannot be written yet.
  world.bucket.has_quorum = false;
  world.run(1000);
  CHECK(again.node().view().membership == MemberState::member);
  again.read_again(world.now);
  CHECK(again.node().view().membership == MemberState::member);
  world.bucket.has_quorum = true;
  world.run(2000);
  CHECK(again.lines_with(Event::cluster_name_taken) == 0);
}

TEST_CASE("a node that gave way does not come back because of its own last beat", "[cluster]") {
  cluster::Node node({.cluster = "c", .node = "b", .incarnation = run(9)});
  Instant now{0};
  node.link_up("server", now);
  node.records_are_current(now);
  node.tick(now);
  CHECK(node.view().membership == MemberState::member);
  const std::string own = beat(9, 1, false);
  const std::string other = beat(2, 1, false);
  node.record_seen("b.alive", mqtt::as_bytes(other), now);
  CHECK(node.view().membership == MemberState::name_taken);
  node.record_seen("b.alive", mqtt::as_bytes(own), now);
  node.tick(now);
  CHECK(node.view().membership == MemberState::name_taken);
  CHECK_FALSE(node.view().hears_others);
}

TEST_CASE("a record of filters that another run wrote meanwhile is written again", "[cluster]") {
  cluster::Node node({.cluster = "c", .node = "b", .incarnation = run(2)});
  Instant now{0};
  const auto writes = [&] {
    std::size_t count = 0;
    now = broker::after_milliseconds(now, 300);
    node.tick(now);
    for (const cluster::Order& order : node.take_orders()) {
      const auto* const put = std::get_if<cluster::PutRecord>(&order);
      if (put != nullptr && put->key == "b.filters") ++count;
    }
    return count;
  };
  node.link_up("server", now);
  node.records_are_current(now);
  CHECK(writes() == 1);
  mqtt::ByteBuffer other;
  cluster::encode(cluster::FiltersRecord{.incarnation = run(9), .filters = {"x"}}, other);
  node.record_seen("b.filters", other.view(), now);
  CHECK(writes() == 0);
  node.record_written("b.filters");
  CHECK(writes() == 1);
  node.record_written("b.filters");
  CHECK(writes() == 0);
}

TEST_CASE("filters count for the run that wrote them", "[cluster]") {
  cluster::RemoteNodes nodes("a", 5000);
  cluster::Orders orders;
  const auto told = [&] {
    std::string text;
    for (const cluster::Order& order : std::exchange(orders, {})) {
      if (const auto* const add = std::get_if<cluster::AddRemoteFilter>(&order)) {
        text += "+" + add->filter;
      }
      if (const auto* const gone = std::get_if<cluster::RemoveRemoteFilter>(&order)) {
        text += "-" + gone->filter;
      }
    }
    return text;
  };
  nodes.filters_seen("b", {.incarnation = run(1), .filters = {"x", "y", "x"}}, orders);
  CHECK(told().empty());
  nodes.beat_seen("b", {.incarnation = run(1), .beat = 1}, orders);
  CHECK(told() == "+x+y");
  nodes.filters_seen("b", {.incarnation = run(1), .filters = {"z", "y"}}, orders);
  CHECK(told() == "+z-x");
  nodes.beat_seen("b", {.incarnation = run(2), .beat = 1}, orders);
  CHECK(told() == "-y-z");
  CHECK(nodes.take_ended_runs() == std::vector{run(1)});
  nodes.filters_seen("b", {.incarnation = run(2), .filters = {"z"}}, orders);
  CHECK(told() == "+z");
  nodes.beat_seen("b", {.incarnation = run(2), .beat = 2, .leaving = true}, orders);
  CHECK(told() == "-z");
}

TEST_CASE("a node whose records were deleted by mistake writes them again", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  NodeHost& b = world.start("b", 2);
  b.add("x");
  world.run(2000);
  world.bucket.erase("b.alive");
  world.bucket.erase("b.filters");
  world.run(1000);
  CHECK(world.bucket.records.contains("b.alive"));
  CHECK(world.bucket.records.contains("b.filters"));
  CHECK(a.remote_filters() == Filters{"x"});
}

TEST_CASE("changes of filters are written at once, and together when they come fast", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  world.run(2000);
  const std::size_t before = a.writes();
  for (int i = 0; i < 1000; ++i) {
    a.add("x/" + std::to_string(i));
    if (i % 100 == 0) world.run(50);
  }
  world.run(500);
  // 500 ms of changes, looked at ten times, and 500 ms of rest; a beat each second.
  CHECK(a.writes() - before <= 13);
  CHECK(a.writes() - before >= 3);
}

TEST_CASE("records that cannot be read are said once, and left to their writers", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  world.bucket.put("b.alive", "\x02later");
  world.bucket.put("b.filters", "\x02later");
  world.bucket.put("other", "x");
  world.run(20'000);
  CHECK(a.lines_with(Event::cluster_record_refused) == 1);
  CHECK(world.bucket.records.contains("b.alive"));
  CHECK(other(a, "b").state == State::unknown);
}

TEST_CASE("no more nodes are known than may be", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  for (int i = 0; i < 300; ++i) {
    mqtt::ByteBuffer value;
    cluster::encode(cluster::AliveRecord{.incarnation = cluster::incarnation_of(0x50000)}, value);
    world.bucket.put("n" + std::to_string(i) + ".alive", std::string(mqtt::as_text(value.view())));
  }
  world.run(500);
  CHECK(a.node().view().nodes.size() == cluster::RemoteNodes::nodes_max);
  CHECK(a.lines_with(Event::cluster_record_refused) == 1);
  world.run(15'000);
  CHECK(a.node().view().nodes.size() == 0);
}

TEST_CASE("faults that last are said now and then", "[cluster]") {
  World world;
  cluster::Node node({.cluster = "c", .node = "a"});
  const auto lines = [&] { return node.take_orders().size(); };
  for (int i = 0; i < 100; ++i) {
    const Instant now{i * 1000};
    node.link_failed("nats://h:4222: refused", now);
    node.bucket_failed("no quorum", now);
    node.messages_dropped(cluster::DropReason::too_large, 3, "topic t, 2 MB", now);
  }
  CHECK(lines() == 1 + 1 + 10);
  CHECK(node.view().dropped[0] == 300);
  node.link_up("nats://h:4222", Instant{0});
  node.link_down("closed", Instant{0});
  node.link_failed("nats://h:4222: refused", Instant{100'000});
  CHECK(lines() == 3);
}

TEST_CASE("filters are announced when all other live nodes know them", "[cluster]") {
  World world;
  NodeHost& a = world.start("a", 1);
  CHECK(a.node().announced_filters_mark() == 0);
  a.node().set_filters_mark(1);
  world.run(100);
  CHECK(a.node().announced_filters_mark() == 1);  // nothing had to be told
  NodeHost& b = world.start("b", 2);
  NodeHost& c = world.start("c", 3);
  world.run(3000);
  a.add("x");
  a.node().set_filters_mark(2);
  CHECK(a.node().announced_filters_mark() == 1);
  world.run(500);
  CHECK(b.remote_filters() == Filters{"x"});
  CHECK(a.node().announced_filters_mark() == 2);

  // One that hears nothing is waited for until it is dead, and no longer.
  c.disconnect(world.now);
  a.add("y");
  a.node().set_filters_mark(3);
  world.run(1000);
  CHECK(b.remote_filters() == Filters{"x", "y"});
  CHECK(a.node().announced_filters_mark() == 2);
  world.run(8000);
  CHECK(a.node().announced_filters_mark() == 3);

  // Without a link there is nobody to wait for.
  a.disconnect(world.now);
  a.add("z");
  a.node().set_filters_mark(4);
  world.run(100);
  CHECK(a.node().announced_filters_mark() == 4);
}
