#include "broker/core/holdings.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using broker::ConfirmRequest;
using broker::Connection;
using broker::Holdings;
using broker::SendRule;
using broker::ShardIndex;

namespace {

constexpr ShardIndex peer{1};

/// Two connections, and the packets and confirmations that leave.
struct Scene {
  void say(Connection& connection, SendRule when, std::string_view packet, bool in_order = false) {
    holdings.say(connection, when, in_order,
                 [&](mqtt::ByteBuffer& bytes) { bytes.append(mqtt::as_bytes(packet)); });
  }
  void release() {
    holdings.release(
        [this](broker::ConnectionId id) {
          return id.slot == 0 ? &one : has_other ? &other : nullptr;
        },
        [this](ShardIndex to, const ConfirmRequest& request) {
          confirms.emplace_back(to, request.number);
        });
  }
  std::string sent(const Connection& connection) {
    return std::string(mqtt::as_text(outbox.output(connection.id).bytes.view()));
  }

  broker::Outbox outbox;
  Holdings holdings{outbox, 3};
  Connection one{{0, 1}, 0};
  Connection other{{1, 1}, 0};
  bool has_other = true;
  std::vector<std::pair<ShardIndex, std::uint64_t>> confirms;
};

}  // namespace

TEST_CASE("a packet that is safe leaves when its turn's changes are on disk", "[holdings]") {
  Scene scene;
  scene.say(scene.one, SendRule::after_commit, "A");
  scene.say(scene.other, SendRule::immediate, "B");
  CHECK(scene.sent(scene.other) == "B");
  scene.holdings.end_turn(7);
  scene.holdings.committed(6);
  scene.release();
  CHECK(scene.sent(scene.one).empty());
  CHECK(scene.holdings.waiting_bytes() > 0);
  scene.holdings.committed(7);
  scene.release();
  CHECK(scene.sent(scene.one) == "A");
  CHECK(scene.holdings.empty());
  CHECK(scene.holdings.waiting_bytes() == 0);
  CHECK(scene.one.held == nullptr);
}

TEST_CASE("packets behind one that waits keep their order, those that may overtake leave",
          "[holdings]") {
  Scene scene;
  scene.say(scene.one, SendRule::after_commit, "puback ");
  scene.say(scene.one, SendRule::after_earlier_held, "pubcomp ");
  scene.say(scene.one, SendRule::after_held_publishes,
            "publish ");  // waits for a SUBACK or a PUBLISH only
  CHECK(scene.sent(scene.one) == "publish ");
  scene.say(scene.one, SendRule::after_commit, "suback ", true);
  scene.say(scene.one, SendRule::after_held_publishes, "late ", true);
  CHECK(scene.sent(scene.one) == "publish ");
  scene.holdings.end_turn(1);
  scene.holdings.committed(1);
  scene.release();
  CHECK(scene.sent(scene.one) == "publish puback pubcomp suback late ");
}

TEST_CASE("nothing overtakes a CONNACK that waits [MQTT-3.2.0-1]", "[holdings]") {
  Scene scene;
  scene.say(scene.one, SendRule::after_commit, "connack ");
  scene.one.held->everything = true;
  scene.say(scene.one, SendRule::after_held_publishes, "publish ");
  scene.say(scene.one, SendRule::immediate, "pingresp ");
  CHECK(scene.sent(scene.one).empty());
  scene.holdings.end_turn(1);
  scene.holdings.committed(1);
  scene.release();
  CHECK(scene.sent(scene.one) == "connack publish pingresp ");
}

TEST_CASE("packets of a connection that has ended are dropped", "[holdings]") {
  Scene scene;
  scene.say(scene.other, SendRule::after_commit, "A");
  scene.say(scene.one, SendRule::after_commit, "B");
  scene.has_other = false;
  scene.holdings.end_turn(1);
  scene.holdings.committed(1);
  scene.release();
  CHECK(scene.sent(scene.one) == "B");
  CHECK(scene.holdings.empty());
}

TEST_CASE("a packet waits for the confirmations of its turn, in the order of turns", "[holdings]") {
  Scene scene;
  scene.holdings.set_depth(0);
  const ConfirmRequest first = scene.holdings.request_confirm(peer);
  CHECK(first.depth == 1);
  scene.say(scene.one, SendRule::after_commit, "A");
  scene.holdings.end_turn(1);
  scene.say(scene.one, SendRule::after_commit, "B");
  scene.holdings.end_turn(2);
  scene.holdings.committed(2);
  scene.release();
  CHECK(scene.sent(scene.one).empty());
  scene.holdings.confirmed(peer, first);
  scene.release();
  CHECK(scene.sent(scene.one) == "AB");
}

TEST_CASE("a request is confirmed when all that follows from it is stored", "[holdings]") {
  Scene scene;
  scene.holdings.confirm_when_stored(peer, {30, broker::ForwardKey{0}, 1});
  scene.holdings.confirm_when_stored(peer, {31, broker::ForwardKey{0}, 1});  // stands for both
  scene.holdings.set_depth(1);
  const ConfirmRequest further = scene.holdings.request_confirm(ShardIndex{2});
  CHECK(further.depth == 2);
  scene.holdings.end_turn(4);
  scene.holdings.committed(4);
  scene.release();
  CHECK(scene.confirms.empty());
  scene.holdings.confirmed(ShardIndex{2}, further);
  scene.release();
  CHECK(scene.confirms == std::vector<std::pair<ShardIndex, std::uint64_t>>{{peer, 31}});
}
