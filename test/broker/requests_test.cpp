#include "broker/requests.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/wire/framer.h"
#include "test/broker/parts.h"

namespace {

using broker::Connection;
using broker::Next;
using broker::Turn;
using Lines = std::vector<std::string>;

/// A SUBSCRIBE of so many filters.
std::string subscribe(std::size_t filters) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < filters; ++i) texts.push_back("f/" + std::to_string(i));
  mqtt::Subscribe packet{.packet_id = mqtt::PacketId{10}};
  for (const std::string& text : texts) packet.entries.push_back({.filter = text});
  return test::encoded(packet);
}

struct Scene {
  Next take(const std::string& packet) {
    return requests.take(client.connection,
                         **mqtt::next_frame(mqtt::as_bytes(packet), packet.size()));
  }
  void do_work() {
    parts.turn.begin();
    requests.do_work(Turn::steps_max, [this](const Connection&) { ++done; });
  }

  test::Parts parts{broker::Durability::none};
  test::ConnectedClient client{parts, 1, mqtt::Version::v5_0};
  broker::Requests requests{parts.connections, parts.subscriptions, parts.pressure,
                            parts.forwards,    parts.disconnects,   parts.turn};
  int done = 0;
};

}  // namespace

TEST_CASE("a SUBSCRIBE is handled at once as far as there are steps", "[requests]") {
  Scene scene;
  CHECK(scene.take(subscribe(1)) == Next::go_on);
  CHECK(scene.client.output(scene.parts) == Lines{"SUBACK m10 00"});
  CHECK(scene.requests.works() == 0);
}

TEST_CASE("a large SUBSCRIBE goes on in later turns, from a copy", "[requests]") {
  Scene scene;
  {
    const std::string packet = subscribe(Turn::steps_max);
    CHECK(scene.take(packet) == Next::wait);
  }
  CHECK(scene.requests.works() == 1);
  CHECK(scene.client.connection.work);
  while (scene.requests.works() > 0) scene.do_work();
  CHECK(scene.done == 1);
  CHECK_FALSE(scene.client.connection.work);
  CHECK(scene.client.output(scene.parts).size() == 1);
}

TEST_CASE("a request ends with its connection", "[requests]") {
  Scene scene;
  CHECK(scene.take(subscribe(Turn::steps_max)) == Next::wait);
  scene.parts.disconnects.end(scene.client.connection, broker::WillFate::discard, {});
  scene.do_work();
  CHECK(scene.requests.works() == 0);
  CHECK(scene.done == 0);
}

TEST_CASE("a request with a fault ends its connection", "[requests]") {
  Scene scene;
  CHECK(scene.take(test::subscribe("a#", mqtt::PacketId{10})) == Next::stop);
  CHECK(scene.parts.connections.find({1, 1}) == nullptr);
  CHECK(scene.requests.works() == 0);
}

TEST_CASE("a SUBSCRIBE waits until other nodes know its filters, and takes no steps meanwhile",
          "[requests]") {
  struct Watch final : broker::FilterWatch {
    void filter_added(std::string_view /*filter*/) override { ++added; }
    void filter_removed(std::string_view /*filter*/) override {}
    [[nodiscard]] std::uint64_t mark() const noexcept override { return added; }
    [[nodiscard]] bool is_announced(std::uint64_t mark) const noexcept override {
      return announced >= mark;
    }
    std::uint64_t added = 0;
    std::uint64_t announced = 0;
  };
  Watch watch;
  Scene scene;
  scene.parts.commons.interest.tell(watch);
  CHECK(scene.take(subscribe(2)) == Next::wait);
  CHECK(watch.added == 2);
  CHECK(scene.requests.works() == 0);
  CHECK(scene.client.output(scene.parts).empty());
  watch.announced = 1;
  scene.requests.filters_announced();
  scene.do_work();
  CHECK(scene.done == 0);
  CHECK(scene.requests.works() == 0);
  watch.announced = 2;
  scene.requests.filters_announced();
  CHECK(scene.requests.works() == 1);
  scene.do_work();
  CHECK(scene.done == 1);
  CHECK(scene.client.output(scene.parts) == Lines{"SUBACK m10 00 00"});
  // One whose client has gone meanwhile is forgotten.
  CHECK(scene.take(subscribe(3)) == Next::wait);
  scene.client.connection.work.reset();
  scene.requests.filters_announced();
  scene.do_work();
  CHECK(scene.done == 1);
}
