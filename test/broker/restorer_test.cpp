#include "broker/restorer.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/blocked_log.h"
#include "broker/core/drop_log.h"
#include "test/broker/fixture.h"

// A restorer without a shard: rows in, sessions, subscriptions and messages out.

namespace {

using broker::Instant;
using broker::JournalBatch;
using broker::MessageKey;
using broker::Session;
using broker::SessionKey;
using mqtt::Qos;
using Texts = std::vector<std::string>;

constexpr Instant now{50'000};

broker::ShardOptions options_of() {
  broker::ShardOptions options;
  options.home_key[0] = 3;
  options.home_key[1] = 4;
  options.durability = broker::Durability::commit;
  options.listeners.emplace_back();
  return options;
}

/// A restorer of the only shard, and all that it fills.
struct Bench {
  Bench()
      : homes(options.home_key, options.shards),
        commons(options.shards),
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
        groups(options, homes, commons.interest, sessions, router, peers, forwards, sender,
               denials),
        restorer(options, homes, commons, sessions, timers, router, groups, ledger, retained) {}

  void session(std::uint64_t key, std::string_view client_id, bool connected = false) {
    JournalBatch::Session row;
    row.key = SessionKey{key};
    row.client_id = rows.put(client_id);
    row.version = mqtt::Version::v5_0;
    row.connected = connected;
    row.expiry_interval_seconds = 60;
    rows.sessions.push_back(row);
  }
  void subscription(std::uint64_t session, std::string_view filter,
                    std::string_view share_name = {}) {
    JournalBatch::Subscription row;
    row.session = SessionKey{session};
    row.share_name = rows.put(share_name);
    row.filter = rows.put(filter);
    row.present = true;
    row.qos = Qos::at_least_once;
    rows.subscriptions.push_back(row);
  }
  void message(std::uint64_t key, std::string_view topic, std::string_view payload) {
    JournalBatch::Message row;
    row.key = MessageKey{key};
    row.qos = Qos::at_least_once;
    row.topic = rows.put(topic);
    row.payload = rows.put(payload);
    rows.messages.push_back(row);
  }
  void delivery(std::uint64_t session, std::uint64_t number, std::uint64_t message_key) {
    JournalBatch::Delivery row;
    row.name = {SessionKey{session}, number};
    row.message = MessageKey{message_key};
    row.qos = Qos::at_least_once;
    rows.deliveries.push_back(row);
  }
  void forward(std::uint64_t message_key, std::string_view share_name, std::string_view filter,
               std::uint32_t to = 0) {
    JournalBatch::Forward row;
    row.key = broker::ForwardKey{90};
    row.message = MessageKey{message_key};
    row.shards = 1;
    row.to = to;
    row.share_name = rows.put(share_name);
    row.share_filter = rows.put(filter);
    rows.forwards.push_back(row);
  }
  void restore() {
    restorer.restore(rows, now);
    rows = {};
  }
  /// Finishes forwards. Returns the client ids that got a message by a subscription of their own.
  Texts finish() {
    Texts receivers;
    restorer.finish_forwards(
        now,
        [&](broker::Publication& publication, broker::RetainStamp /*stamp*/,
            const std::shared_ptr<const broker::Publisher>& /*by*/) {
          receivers.push_back("retained " + std::string(publication.view.topic));
        },
        [&](broker::Publication& /*publication*/, const broker::Route& /*route*/,
            const broker::Receiver& receiver) {
          receivers.emplace_back(receiver.session->client_id.view());
        });
    return receivers;
  }
  Session& found(std::string_view client_id) {
    Session* const session = sessions.find(client_id);
    REQUIRE(session != nullptr);
    return *session;
  }

  broker::ShardOptions options = options_of();
  test::MemoryLog log;
  broker::Metrics metrics;
  broker::Homes homes;
  broker::Commons commons;
  broker::Outbox outbox;
  broker::PeerOutbox peers;
  broker::TimerWheel timers;
  broker::SessionTable sessions;
  broker::Router router;
  broker::Ledger ledger;
  broker::Holdings holdings;
  broker::Forwards forwards;
  broker::DropLog drops;
  broker::BlockedLog blocked;
  broker::DenialLog denials;
  broker::Sender sender;
  broker::SharedSubscriptions groups;
  broker::Retained retained;
  broker::Restorer restorer;
  JournalBatch rows;
};

}  // namespace

TEST_CASE("a session comes back with its subscriptions and deliveries", "[restorer]") {
  Bench bench;
  bench.session(1, "one");
  bench.subscription(1, "a/b");
  bench.subscription(1, "s/#", "g");
  bench.restore();
  // Later rows refer to earlier batches.
  bench.message(7, "a/b", "payload");
  bench.delivery(1, 0, 7);
  bench.restore();
  bench.restorer.restored();
  CHECK(bench.restorer.damaged() == 0);
  Session& session = bench.found("one");
  CHECK(session.key == SessionKey{1});
  CHECK(session.connection == nullptr);
  REQUIRE(session.away);
  CHECK(session.away->expiry.deadline() == broker::after_seconds(now, 60));
  CHECK(bench.router.route("a/b").receivers.size() == 1);
  CHECK(bench.groups.table().member_count() == 1);
  REQUIRE(session.outgoing);
  CHECK(session.outgoing->deliveries() == 1);
  CHECK(bench.commons.counts.sessions.load() == 1);
  // As it is stored already.
  CHECK(bench.ledger.position() == 0);
}

TEST_CASE("a client that was connected is away, which is stored", "[restorer]") {
  Bench bench;
  bench.session(1, "one", true);
  bench.session(2, "two", false);
  bench.restore();
  bench.restorer.restored();
  CHECK(bench.found("one").unstored == broker::Ledger::session_row);
  CHECK(bench.found("two").unstored == 0);
}

TEST_CASE("damaged rows are left out, and counted", "[restorer]") {
  Bench bench;
  bench.session(1, "one");
  bench.session(2, "one");         // a client id that is taken
  bench.session(3, "");            // none
  bench.subscription(1, "a/#/b");  // no filter
  bench.subscription(1, "a/b");
  bench.message(7, "a/+", "x");  // no topic
  bench.restore();
  bench.restorer.restored();
  CHECK(bench.restorer.damaged() == 4);
  CHECK(bench.sessions.size() == 1);
  CHECK(bench.found("one").subscriptions.view().size() == 1);
}

TEST_CASE("rows that refer to none are left out", "[restorer]") {
  Bench bench;
  bench.session(1, "one");
  bench.subscription(9, "a/b");
  bench.delivery(1, 0, 7);
  bench.delivery(9, 0, 7);
  bench.forward(7, {}, {});
  bench.restore();
  bench.restorer.restored();
  CHECK(bench.restorer.damaged() == 0);
  CHECK_FALSE(bench.restorer.has_forwards());
  CHECK(bench.router.subscription_count() == 0);
}

TEST_CASE("a retained message comes back with its publisher", "[restorer]") {
  Bench bench;
  bench.message(7, "a/b", "kept");
  bench.message(8, "a/c", "kept");
  for (const std::uint64_t key : {7U, 8U}) {
    JournalBatch::Retained row;
    row.topic = bench.rows.put(key == 7 ? "a/b" : "another");
    row.message = MessageKey{key};
    row.client_id = bench.rows.put("publisher");
    bench.rows.retained.push_back(row);
  }
  bench.restore();
  bench.restorer.restored();
  CHECK(bench.restorer.damaged() == 1);
  REQUIRE(bench.retained.find("a/b") != nullptr);
  CHECK(bench.retained.find("a/b")->publisher->client_id == "publisher");
  CHECK(bench.retained.size() == 1);
}

TEST_CASE("a forward reaches the sessions that were at home on its shard", "[restorer]") {
  Bench bench;
  bench.session(1, "one");
  bench.subscription(1, "t");
  bench.message(7, "t", "on its way");
  const bool was_there = GENERATE(true, false);
  if (was_there) bench.forward(7, {}, {});
  bench.forward(7, {}, {}, 5);  // a shard that there was not
  bench.restore();
  bench.restorer.restored();
  CHECK(bench.restorer.damaged() == 1);
  CHECK(bench.restorer.has_forwards() == was_there);
  CHECK(bench.finish() == (was_there ? Texts{"one"} : Texts{}));
  CHECK_FALSE(bench.restorer.has_forwards());
  CHECK(bench.finish().empty());
}

TEST_CASE("a forward of a group reaches a member of it only", "[restorer]") {
  Bench bench;
  bench.session(1, "one");
  bench.subscription(1, "t", "g");
  bench.session(2, "two");
  bench.subscription(2, "t");
  bench.message(7, "t", "on its way");
  bench.forward(7, "g", "t");
  bench.restore();
  bench.restorer.restored();
  CHECK(bench.finish().empty());
  REQUIRE(bench.found("one").outgoing);
  CHECK(bench.found("one").outgoing->deliveries() == 1);
  CHECK(bench.found("two").outgoing == nullptr);
}
