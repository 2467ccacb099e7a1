#include "broker/core/tracer.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/denial_log.h"
#include "broker/core/drop_log.h"
#include "broker/core/session_table.h"

using broker::ConnectionId;
using broker::Tracer;

namespace {

constexpr std::uint64_t hash_key[2] = {1, 2};

/// Follows one client and one topic.
class Sink final : public broker::TraceSink {
 public:
  [[nodiscard]] bool follows(const Subject& subject) const override {
    return subject.client_id == "followed" || publish;
  }
  void tell(const Subject& subject, std::string_view decision) override {
    told.push_back(std::string(subject.client_id) + (subject.connection ? "+" : "-") + ": " +
                   std::string(decision));
  }
  void identified(ConnectionId /*connection*/, std::string_view client_id) override {
    told.push_back("identified " + std::string(client_id));
  }
  [[nodiscard]] bool follows_topic(std::string_view topic) const override { return topic == "t"; }
  void begin_publish(std::string_view topic) override { publish = topic == "t"; }
  void end_publish() override { publish = false; }
  void tell_of_topic(std::string_view topic, const Subject& subject,
                     std::string_view decision) override {
    told.push_back(std::string(topic) + " " + std::string(subject.client_id) + ": " +
                   std::string(decision));
  }
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(told, {}); }

  bool publish = false;
  std::vector<std::string> told;
};

class NoLog final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

using Told = std::vector<std::string>;

struct World {
  World() { connection.session = &sessions.create("followed"); }

  broker::SessionTable sessions{hash_key};
  broker::Connection connection{{7, 1}, 0};
  Sink sink;
  Tracer tracer;
};

}  // namespace

TEST_CASE("without a sink nothing is followed, and telling does nothing", "[tracer]") {
  const World world;
  CHECK_FALSE(world.tracer.on());
  CHECK_FALSE(world.tracer.follows(world.connection));
  world.tracer.tell(world.connection, {"a"});
  world.tracer.begin_publish("t");
  world.tracer.end_publish();
  CHECK_FALSE(world.tracer.follows_topic("t"));
}

TEST_CASE("a decision is told about a connection or a session, if it is followed", "[tracer]") {
  World world;
  world.tracer.set(&world.sink);
  broker::Session& followed = *world.connection.session;
  world.tracer.tell(world.connection, {"a", "b"});
  world.tracer.tell(followed, {"away"});
  followed.connection = &world.connection;
  world.tracer.tell(followed, {"here"});
  world.tracer.tell(world.sessions.create("other"), {"c"});
  CHECK(world.sink.take() == Told{"followed+: ab", "followed-: away", "followed+: here"});
  world.tracer.identified(world.connection, "x");
  CHECK(world.sink.take() == Told{"identified x"});
  followed.connection = nullptr;
}

TEST_CASE("what follows from a PUBLISH is told until it ends", "[tracer]") {
  World world;
  world.tracer.set(&world.sink);
  broker::Session& other = world.sessions.create("other");
  world.tracer.begin_publish("t");
  world.tracer.tell(other, {"caused"});
  world.tracer.end_publish();
  world.tracer.tell(other, {"not caused"});
  world.tracer.tell_of_topic("t", other, {"sent late"});
  world.tracer.tell_of_topic("u", other, {"of another topic"});
  CHECK(world.sink.take() == Told{"other-: caused", "t other: sent late"});
}

TEST_CASE("drops and denials are told, though no log line is written", "[tracer]") {
  World world;
  NoLog lines;
  broker::Metrics metrics;
  world.tracer.set(&world.sink);
  broker::DropLog drops(metrics, lines, world.tracer);
  broker::DenialLog denials(metrics, lines, world.tracer);
  broker::Session& followed = *world.connection.session;
  drops.count(followed, broker::DropReason::queue_full);
  denials.count(broker::Denial::publish, followed, "a", {});
  denials.count_filter(followed, "f/#", true, {});
  denials.count_withheld(followed, "b", {});
  drops.count(world.sessions.create("other"), broker::DropReason::expired);
  const Told told = world.sink.take();
  REQUIRE(told.size() == 4);
  CHECK(told[0] == "followed-: a message is dropped: queue_full");
  CHECK(told[1].starts_with("followed-: denied: PUBLISH to 'a': "));
  CHECK(told[2].starts_with("followed-: denied: SUBSCRIBE to 'f/#': "));
  CHECK(told[3].starts_with("followed-: denied: delivery of 'b': "));
}
