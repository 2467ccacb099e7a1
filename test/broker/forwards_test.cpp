#include "broker/forwards.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "broker/core/retained.h"
#include "broker/core/session_table.h"
#include "broker/shard.h"

// Forwards without a shard: what leaves, when, and with which request.

namespace {

using broker::ConfirmRequest;
using broker::ForwardKey;
using broker::Forwards;
using broker::GroupDelivery;
using broker::GroupReturn;
using broker::JournalBatch;
using broker::PeerMessage;
using broker::PeerPublish;
using broker::ShardIndex;
using mqtt::Qos;
using Texts = std::vector<std::string>;

constexpr ShardIndex here{0};
constexpr ShardIndex there{1};
constexpr ShardIndex elsewhere{2};

broker::ShardOptions options_of(broker::Durability durability) {
  broker::ShardOptions options;
  options.shards = 3;
  options.home_key[0] = 7;
  options.home_key[1] = 8;
  options.durability = durability;
  return options;
}

/// Forwards of shard 0 of three, and what they stand on.
struct Bench {
  explicit Bench(broker::Durability durability = broker::Durability::commit)
      : options(options_of(durability)),
        ledger(options.durability, options.index, options.shards),
        holdings(outbox, options.shards),
        peers(options.shards),
        sessions(options.home_key),
        forwards(options, ledger, holdings, peers) {}

  /// A message of a client, with a payload to know it by.
  PeerPublish publish(std::string_view payload, Qos qos, bool retain = false,
                      std::string_view topic = "t") {
    return {
        forwards.share({topic, mqtt::as_bytes(payload), {}, qos, retain, {}}), {5, 0}, nullptr, {}};
  }
  void send(std::string_view payload, Qos qos, bool retain = false, ShardIndex to = there) {
    forwards.send(to, publish(payload, qos, retain), qos != Qos::at_most_once, nullptr);
  }
  /// The same, stored on its way.
  void store(std::string_view payload, Qos qos, bool retain = false, ShardIndex to = there) {
    const Forwards::StoreAndForward scope(forwards, true);
    send(payload, qos, retain, to);
  }
  /// The payloads that are on their way to a shard now.
  Texts sent(ShardIndex to = there) {
    Texts texts;
    for (const PeerMessage& message : std::exchange(peers.messages(peer_of_shard(to)), {})) {
      const auto* const one = std::get_if<PeerPublish>(&message);
      texts.emplace_back(one == nullptr ? "?" : mqtt::as_text(one->message.view().payload));
      if (one != nullptr) last = one->confirm;
    }
    peers.settled();
    return texts;
  }
  JournalBatch take() { return ledger.take(sessions, retained); }
  /// Everything so far is on disk.
  void commit() {
    holdings.committed(ledger.position());
    forwards.committed(ledger.position());
  }

  broker::ShardOptions options;
  broker::Outbox outbox;
  broker::Ledger ledger;
  broker::Holdings holdings;
  broker::PeerOutbox peers;
  broker::SessionTable sessions;
  broker::Retained retained;
  Forwards forwards;
  ConfirmRequest last;  // of the last message that sent() has seen
};

}  // namespace

TEST_CASE("a message that its client retransmits leaves at once, with a request", "[forwards]") {
  Bench bench;
  bench.send("one", Qos::at_least_once);
  CHECK(bench.sent() == Texts{"one"});
  CHECK(bench.last.number == 1);
  CHECK(bench.last.forward == ForwardKey{0});
  CHECK(bench.last.depth == 1);
  CHECK(bench.holdings.requests() == 1);
  CHECK(bench.take().size() == 0);
}

TEST_CASE("messages that nobody stores have no request", "[forwards]") {
  Bench bench(
      GENERATE(broker::Durability::none, broker::Durability::relaxed, broker::Durability::commit));
  const bool lasting = bench.options.durability != broker::Durability::commit;
  bench.forwards.send(there, bench.publish("one", Qos::at_least_once), lasting, nullptr);
  CHECK(bench.sent() == Texts{"one"});
  CHECK(bench.last.number == 0);
  CHECK(bench.holdings.requests() == 0);
}

TEST_CASE("a forward leaves when its row is on disk, and the row says whom it is for",
          "[forwards]") {
  Bench bench;
  bench.store("one", Qos::exactly_once);
  CHECK(bench.sent().empty());
  const JournalBatch batch = bench.take();
  REQUIRE(batch.forwards.size() == 1);
  CHECK(batch.messages.size() == 1);
  const JournalBatch::Forward& row = batch.forwards[0];
  CHECK(row.to == 1);
  CHECK(row.shards == 3);
  CHECK(row.home_key[0] == 7);
  CHECK(row.home_key[1] == 8);
  CHECK(row.retain_count == 5);
  CHECK(row.message == batch.messages[0].key);
  bench.forwards.committed(bench.ledger.position() - 1);
  CHECK(bench.sent().empty());
  bench.commit();
  CHECK(bench.sent() == Texts{"one"});
  CHECK(bench.last.forward == row.key);
  CHECK(bench.last.number == 0);
  CHECK(bench.holdings.requests() == 0);
}

TEST_CASE("a forward's message is dropped when the other shard has confirmed its row",
          "[forwards]") {
  Bench bench;
  bench.store("one", Qos::exactly_once);
  bench.store("two", Qos::exactly_once);
  bench.store("else", Qos::exactly_once, false, elsewhere);
  const JournalBatch stored = bench.take();
  bench.commit();
  CHECK(bench.sent() == Texts{"one", "two"});
  CHECK(bench.take().size() == 0);
  // A confirmation stands for those before it, of that shard.
  bench.forwards.confirmed(there, bench.last);
  const JournalBatch done = bench.take();
  REQUIRE(done.dropped_messages.size() == 2);
  CHECK(done.dropped_messages[0] == stored.messages[0].key);
  CHECK(done.dropped_messages[1] == stored.messages[1].key);
}

TEST_CASE("a retained message waits behind a forward, and all others behind it", "[forwards]") {
  Bench bench;
  bench.store("stored", Qos::exactly_once, true);
  bench.send("plain", Qos::at_least_once);
  CHECK(bench.sent() == Texts{"plain"});
  CHECK_FALSE(bench.forwards.waits_in_order());
  bench.send("retained", Qos::at_least_once, true);
  bench.send("behind", Qos::at_least_once);
  bench.send("elsewhere", Qos::at_least_once, false, elsewhere);
  CHECK(bench.forwards.waits_in_order());
  CHECK(bench.sent().empty());
  CHECK(bench.sent(elsewhere).empty());
  bench.commit();
  CHECK(bench.sent() == Texts{"stored", "retained", "behind"});
  CHECK(bench.sent(elsewhere) == Texts{"elsewhere"});
  CHECK_FALSE(bench.forwards.waits_in_order());
  bench.send("later", Qos::at_least_once, true);
  CHECK(bench.sent() == Texts{"later"});
}

TEST_CASE("QoS 0 and figures of $SYS wait for no disk", "[forwards]") {
  Bench bench;
  bench.store("stored", Qos::exactly_once, true);
  bench.send("retained", Qos::at_least_once, true);
  bench.send("fast", Qos::at_most_once);
  bench.forwards.send(there, bench.publish("9", Qos::exactly_once, true, "$SYS/broker/uptime"),
                      true, nullptr);
  CHECK(bench.sent() == Texts{"fast", "9"});
  CHECK(bench.last.number == 0);
}

TEST_CASE("store and forward ends with its scope, and with what a client sends next",
          "[forwards]") {
  Bench bench;
  {
    const Forwards::StoreAndForward outer(bench.forwards, true);
    {
      const Forwards::StoreAndForward inner(bench.forwards, false);
      bench.send("inner", Qos::at_least_once);
    }
    bench.send("outer", Qos::at_least_once);
  }
  CHECK(bench.sent().empty());
  bench.send("outside", Qos::at_least_once);
  CHECK(bench.sent() == Texts{"outside"});
  CHECK(bench.take().forwards.size() == 2);
}

TEST_CASE("a forward that arrives ends its row, and messages that follow get rows", "[forwards]") {
  Bench bench;
  bench.forwards.begin_peer_input(elsewhere, {0, ForwardKey{44}, 1});
  bench.send("follows", Qos::at_least_once);
  CHECK(bench.sent().empty());
  const JournalBatch batch = bench.take();
  REQUIRE(batch.arrived.size() == 1);
  CHECK(batch.arrived[0] == ForwardKey{44});
  CHECK(batch.forwards.size() == 1);
  CHECK_FALSE(bench.holdings.empty());
  bench.forwards.begin_client_input();
  bench.send("client", Qos::at_least_once);
  CHECK(bench.sent() == Texts{"client"});
}

TEST_CASE("a message that a peer's message causes is one shard deeper", "[forwards]") {
  Bench bench;
  bench.forwards.begin_peer_input(elsewhere, {3, ForwardKey{0}, 1});
  bench.send("deeper", Qos::at_least_once);
  CHECK(bench.sent() == Texts{"deeper"});
  CHECK(bench.last.depth == 2);
  CHECK(bench.take().arrived.empty());
  // A message of this shard to itself is part of what it does already.
  bench.forwards.begin_client_input();
  bench.forwards.begin_peer_input(here, {0, ForwardKey{45}, 1});
  CHECK(bench.take().arrived.empty());
}

TEST_CASE("a row of a group's message names the group", "[forwards]") {
  Bench bench;
  const Forwards::StoreAndForward scope(bench.forwards, true);
  GroupDelivery delivery;
  delivery.share_name = "share";
  delivery.filter = "a/#";
  delivery.message = bench.publish("one", Qos::at_least_once).message;
  bench.forwards.send(there, std::move(delivery), true, nullptr);
  bench.forwards.send(
      elsewhere, GroupReturn{"other", "b/#", bench.publish("two", Qos::at_least_once).message, {}},
      true, nullptr);
  const JournalBatch batch = bench.take();
  REQUIRE(batch.forwards.size() == 2);
  CHECK(batch.text(batch.forwards[0].share_name) == "share");
  CHECK(batch.text(batch.forwards[0].share_filter) == "a/#");
  CHECK(batch.text(batch.forwards[1].share_name) == "other");
  CHECK(batch.forwards[1].to == 2);
}

TEST_CASE("a new store gets the rows that have not left, and their messages", "[forwards]") {
  Bench bench;
  bench.store("left", Qos::exactly_once);
  bench.commit();
  REQUIRE(bench.sent() == Texts{"left"});
  bench.store("stored", Qos::exactly_once, true);
  bench.send("in order", Qos::at_least_once, true);
  const JournalBatch noted = bench.take();
  bench.ledger.begin_renewal(bench.sessions, bench.retained);
  JournalBatch batch;
  for (std::size_t i = 0; i < bench.forwards.waiting(); ++i) bench.forwards.rewrite(i, batch);
  CHECK(batch.messages.size() == 1);
  REQUIRE(batch.forwards.size() == 1);
  CHECK(batch.forwards[0].key == noted.forwards.back().key);
  CHECK(batch.forwards[0].message == noted.messages.back().key);
  // The message that has left has no row there, and its end none either.
  bench.forwards.confirmed(there, bench.last);
  CHECK(bench.take().dropped_messages.empty());
}
