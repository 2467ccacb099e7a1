#include "broker/shared_subscriptions.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/core/blocked_log.h"
#include "broker/core/drop_log.h"
#include "broker/shard.h"
#include "test/broker/fixture.h"

// Shared subscriptions without a shard: both ends, on one shard of two.

namespace {

using broker::GroupDelivery;
using broker::GroupJoin;
using broker::GroupLeave;
using broker::GroupPresence;
using broker::GroupReturn;
using broker::Instant;
using broker::PeerMessage;
using broker::Publication;
using broker::Session;
using broker::ShardIndex;
using broker::SharedSubscriptions;
using mqtt::Qos;

constexpr ShardIndex other{1};
constexpr Instant now{1000};

broker::ShardOptions options_of() {
  broker::ShardOptions options;
  options.shards = 2;
  options.home_key[0] = 3;
  options.home_key[1] = 4;
  options.durability = broker::Durability::commit;
  options.listeners.emplace_back();
  return options;
}

/// The shared subscriptions of shard 0, and all that they stand on.
struct Bench {
  Bench()
      : homes(options.home_key, options.shards),
        interest(options.shards),
        peers(options.shards),
        sessions(options.home_key),
        router(options.limits, sessions),
        ledger(options.durability, options.index, options.shards),
        holdings(outbox, options.shards),
        forwards(options, ledger, holdings, peers),
        drops(metrics, log),
        blocked(metrics, log),
        denials(metrics, log),
        sender(options.limits, options.listeners, outbox, ledger, holdings, metrics, drops, blocked,
               denials, log),
        shared(options, homes, interest, sessions, router, peers, forwards, sender, denials) {}

  /// A session of a client that is away, and lasts.
  Session& session(std::string_view id) {
    Session& made = sessions.create(id);
    made.expiry_interval_seconds = broker::session_never_expires;
    return made;
  }
  /// A filter whose group with that share name is at home on a shard.
  std::string filter_at(std::string_view share_name, ShardIndex home) const {
    std::string filter = "a";
    while (homes.of_group(share_name, filter) != home) filter += 'x';
    return filter;
  }
  /// Publishes to the group's members.
  void publish(const std::string& filter, std::string_view payload, Qos qos) {
    const auto group = shared.table().number("g", filter);
    REQUIRE(group);
    Publication publication({filter, mqtt::as_bytes(payload), {}, qos, false, {}}, now, 1);
    publication.marked = true;
    shared.deliver(*group, publication);
  }
  /// The messages on their way to the other shard.
  std::vector<PeerMessage> sent() {
    auto messages = std::exchange(peers.messages(peer_of_shard(other)), {});
    peers.settled();
    return messages;
  }
  /// A member on the other shard.
  GroupJoin remote(const std::string& filter, std::uint32_t session, bool online) const {
    GroupJoin join;
    join.share_name = "g";
    join.filter = filter;
    join.session = broker::SessionIndex{session};
    join.session_number = session;
    join.qos = Qos::at_least_once;
    join.online = online;
    return join;
  }
  static std::size_t waiting(const Session& session) {
    return session.outgoing ? session.outgoing->deliveries() : 0;
  }

  broker::ShardOptions options = options_of();
  test::MemoryLog log;
  broker::Metrics metrics;
  broker::Homes homes;
  broker::Interest interest;
  broker::Outbox outbox;
  broker::PeerOutbox peers;
  broker::SessionTable sessions;
  broker::Router router;
  broker::Ledger ledger;
  broker::Holdings holdings;
  broker::Forwards forwards;
  broker::DropLog drops;
  broker::BlockedLog blocked;
  broker::DenialLog denials;
  broker::Sender sender;
  SharedSubscriptions shared;
};

constexpr broker::Ledger::Options qos1{.qos = Qos::at_least_once};

}  // namespace

TEST_CASE("a session joins and leaves a group that is at home here", "[shared]") {
  Bench bench;
  const std::string filter = bench.filter_at("g", ShardIndex{0});
  Session& session = bench.session("member");
  CHECK(bench.shared.join(session, "g", filter, qos1));
  CHECK_FALSE(bench.shared.join(session, "g", filter, qos1));
  CHECK(bench.shared.table().member_count() == 1);
  CHECK(bench.router.route(filter).groups.size() == 1);
  CHECK(bench.interest.interested(filter) == broker::PeerSet::of_bits(1));
  bench.shared.leave(session, session.memberships->find("g", filter));
  CHECK(bench.shared.table().member_count() == 0);
  CHECK(bench.router.route(filter).groups.empty());
  CHECK(bench.interest.interested(filter).empty());
  CHECK(bench.sent().empty());
}

TEST_CASE("the home of a group on another shard is told of members", "[shared]") {
  Bench bench;
  const std::string filter = bench.filter_at("g", other);
  Session& session = bench.session("member");
  CHECK(bench.shared.join(session, "g", filter, qos1));
  CHECK(bench.interest.interested(filter) == broker::PeerSet::of_bits(2));
  bench.shared.presence(session, session.memberships->at(1));
  bench.shared.leave(session, 1);
  const auto messages = bench.sent();
  REQUIRE(messages.size() == 3);
  CHECK(std::get<GroupJoin>(messages[0]).qos == Qos::at_least_once);
  CHECK_FALSE(std::get<GroupPresence>(messages[1]).online);
  CHECK(std::get<GroupLeave>(messages[2]).session_number == session.number);
  CHECK(bench.shared.table().member_count() == 0);
}

TEST_CASE("members that are online go before others, wherever they are", "[shared]") {
  Bench bench;
  const std::string filter = bench.filter_at("g", ShardIndex{0});
  Session& away = bench.session("away");
  bench.shared.join(away, "g", filter, qos1);
  bench.shared.on_peer(other, bench.remote(filter, 7, true));
  bench.publish(filter, "one", Qos::at_least_once);
  CHECK(Bench::waiting(away) == 0);
  const auto messages = bench.sent();
  REQUIRE(messages.size() == 1);
  const auto& delivery = std::get<GroupDelivery>(messages[0]);
  CHECK(delivery.session_number == 7);
  CHECK(delivery.confirm.number == 1);
  GroupPresence gone;
  gone.share_name = "g";
  gone.filter = filter;
  gone.session = broker::SessionIndex{7};
  gone.session_number = 7;
  bench.shared.on_peer(other, gone);
  bench.publish(filter, "two", Qos::at_least_once);
  bench.publish(filter, "three", Qos::at_least_once);
  CHECK(Bench::waiting(away) == 1);
  CHECK(bench.sent().size() == 1);
}

TEST_CASE("a session that ends gives its messages back to the group's other members", "[shared]") {
  Bench bench;
  const std::string filter = bench.filter_at("g", ShardIndex{0});
  Session& first = bench.session("first");
  bench.shared.join(first, "g", filter, qos1);
  bench.publish(filter, "one", Qos::at_least_once);
  bench.publish(filter, "two", Qos::at_least_once);
  REQUIRE(Bench::waiting(first) == 2);
  Session& second = bench.session("second");
  bench.shared.join(second, "g", filter, qos1);
  CHECK(bench.shared.give_back(first, now) == 2);
  CHECK(Bench::waiting(first) == 0);
  CHECK(Bench::waiting(second) == 2);
  CHECK(bench.shared.table().member_count() == 1);
  // The last member leaves, and no member is left to take them.
  CHECK(bench.shared.give_back(second, now) == 2);
  CHECK(bench.shared.table().member_count() == 0);
}

TEST_CASE("a message for a group on another shard is stored on its way back", "[shared]") {
  Bench bench;
  const std::string filter = bench.filter_at("g", other);
  Session& session = bench.session("member");
  bench.shared.join(session, "g", filter, qos1);
  GroupDelivery delivery;
  delivery.share_name = "g";
  delivery.filter = filter;
  delivery.session = session.index;
  delivery.session_number = session.number;
  delivery.message =
      bench.forwards.share({filter, mqtt::as_bytes("one"), {}, Qos::at_least_once, false, {}});
  delivery.qos = Qos::at_least_once;
  delivery.confirm = {1, broker::ForwardKey{0}, 1};
  bench.shared.on_peer(other, delivery, now);
  REQUIRE(Bench::waiting(session) == 1);
  bench.sent();
  bench.forwards.begin_client_input();
  CHECK(bench.shared.give_back(session, now) == 1);
  const auto left = bench.sent();
  REQUIRE(left.size() == 1);
  CHECK(std::holds_alternative<GroupLeave>(left[0]));
  bench.forwards.committed(bench.ledger.position());
  const auto back = bench.sent();
  REQUIRE(back.size() == 1);
  const auto& returned = std::get<GroupReturn>(back[0]);
  CHECK(mqtt::as_text(returned.message.view().payload) == "one");
  CHECK(returned.confirm.forward != broker::ForwardKey{0});
}

TEST_CASE("a delivery that finds no session goes back to its group", "[shared]") {
  Bench bench;
  const Qos qos = GENERATE(Qos::at_most_once, Qos::at_least_once);
  GroupDelivery delivery;
  delivery.share_name = "g";
  const std::string filter = bench.filter_at("g", other);
  delivery.filter = filter;
  delivery.session_number = 99;
  delivery.message = bench.forwards.share({"t", mqtt::as_bytes("one"), {}, qos, false, {}});
  bench.shared.on_peer(other, delivery, now);
  const auto back = bench.sent();
  REQUIRE(back.size() == (qos == Qos::at_most_once ? 0U : 1U));
  if (!back.empty()) CHECK(std::get<GroupReturn>(back[0]).filter == filter);
}

TEST_CASE("the number of a membership stays while deliveries name it", "[shared]") {
  Bench bench;
  const std::string filter = bench.filter_at("g", ShardIndex{0});
  Session& session = bench.session("member");
  bench.shared.join(session, "g", filter, qos1);
  bench.publish(filter, "one", Qos::at_least_once);
  bench.shared.leave(session, 1);
  SharedSubscriptions::forget_ended(session, 1);
  REQUIRE(session.memberships);
  CHECK(session.memberships->find("g", filter) == 1);
  session.outgoing.reset();
  SharedSubscriptions::forget_ended(session, 1);
  CHECK(session.memberships == nullptr);
}
