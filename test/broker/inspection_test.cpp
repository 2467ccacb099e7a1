#include "broker/inspection.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/retained_walk.h"
#include "broker/shard_admin.h"
#include "test/broker/parts.h"

namespace {

using broker::ClientView;
using broker::SubscriptionView;
using Lines = std::vector<std::string>;

/// Reads the view of one client while its texts hold.
template <typename Read>
bool look(test::Broker& broker, std::string_view client_id, Read&& read) {
  bool found = false;
  for (std::uint32_t i = 0; i < broker.shards(); ++i) {
    const auto visit = [&](const ClientView& view) {
      read(view);
      return false;
    };
    found |= broker.shard(i).admin().show_client(client_id, broker.now, visit, [](const auto&) {});
  }
  return found;
}

std::vector<std::string> subscriptions_of(test::Broker& broker, std::string_view client_id) {
  Lines lines;
  const auto add = [&](const SubscriptionView& one) {
    lines.push_back(std::string(one.share_name) + "|" + std::string(one.filter) + " q" +
                    std::to_string(static_cast<int>(one.qos)) + (one.no_local ? " nl" : "") +
                    (one.retain_as_published ? " rap" : "") + " " +
                    std::to_string(one.subscription_identifier));
  };
  for (std::uint32_t i = 0; i < broker.shards(); ++i) {
    static_cast<void>(broker.shard(i).admin().show_client(
        client_id, broker.now, [](const auto&) { return true; }, add));
  }
  return lines;
}

}  // namespace

TEST_CASE("a connected client is shown", "[inspection]") {
  test::Broker broker(2);
  test::ConnectOptions options = test::lasting();
  options.user_name = "alice";
  options.password = "secret";
  options.keep_alive_seconds = 30;
  const auto client = broker.client("c", options);
  broker.subscribe(client, "a/#", {.qos = 1});
  broker.pass_milliseconds(5000);
  CHECK(look(broker, "c", [](const ClientView& view) {
    CHECK(view.client_id == "c");
    CHECK(view.user_name == "alice");
    CHECK(view.address == "10.0.0.1");
    CHECK(view.connected);
    CHECK(view.version == mqtt::Version::v5_0);
    CHECK(view.keep_alive_seconds == 30);
    CHECK(view.connected_seconds == 5);
    CHECK(view.silent_seconds == 5);
    CHECK(view.expiry_interval_seconds == broker::session_never_expires);
    CHECK_FALSE(view.expires_seconds);
    CHECK(view.subscriptions == 1);
    CHECK(view.queued == 0);
  }));
  CHECK_FALSE(look(broker, "other", [](const ClientView&) {}));
}

TEST_CASE("messages in flight and behind them are told apart", "[inspection]") {
  test::Broker broker;
  test::ConnectOptions options = test::lasting();
  options.receive_maximum = 2;
  const auto client = broker.client("c", options);
  broker.subscribe(client, "t", {.qos = 1});
  const auto other = broker.client("o");
  for (unsigned i = 1; i <= 5; ++i) {
    broker.publish(other, "t", "12345", {.qos = 1, .packet_id = i});
  }
  look(broker, "c", [](const ClientView& view) {
    CHECK(view.in_flight == 2);
    CHECK(view.queued == 3);
    CHECK(view.queued_bytes > 15);
    CHECK(view.blocking_packet == "packet 1 (QoS 1, topic 't') is not acknowledged");
  });
  look(broker, "o", [](const ClientView& view) { CHECK(view.blocking_packet.empty()); });
}

TEST_CASE("a client has the rates of the last seconds, both ways", "[inspection]") {
  test::Broker broker(2);
  const auto subscriber = broker.client("in", test::lasting());
  const auto publisher = broker.client("out");
  broker.subscribe(subscriber, "t", {.qos = 0});
  const auto publish_for = [&](int seconds) {
    for (int i = 0; i < 10 * seconds; ++i) {
      broker.pass_milliseconds(100);
      broker.publish(publisher, "t", "1");
    }
  };
  const auto has_rates = [&](std::string_view client_id, double received, double sent) {
    return look(broker, client_id, [&](const ClientView& view) {
      CHECK(view.rates.received == Approx(received).margin(0.2));
      CHECK(view.rates.sent == Approx(sent).margin(0.2));
    });
  };
  publish_for(20);
  CHECK(has_rates("out", 10, 0));
  CHECK(has_rates("in", 0, 10));
  broker.pass_milliseconds(13'000);
  CHECK(has_rates("out", 0, 0));
  publish_for(3);
  broker.lose(subscriber);
  CHECK(has_rates("in", 0, 0));
}

TEST_CASE("a client that is away has a time until its session ends", "[inspection]") {
  test::Broker broker;
  test::ConnectOptions options;
  options.clean = false;
  options.session_expiry_seconds = 100;
  const auto client = broker.client("c", options);
  broker.lose(client);
  broker.pass_milliseconds(10'000);
  CHECK(look(broker, "c", [](const ClientView& view) {
    CHECK_FALSE(view.connected);
    CHECK(view.address.empty());
    CHECK(view.connected_seconds == 0);
    CHECK(view.expires_seconds == 90);
  }));
}

TEST_CASE("subscriptions are shown with their options", "[inspection]") {
  test::Broker broker(2);
  const auto client = broker.client("c");
  broker.subscribe(client, "a/+", {.qos = 2, .extra = 0x04 | 0x08, .identifier = 7});
  broker.subscribe(client, "$share/g/b", {.qos = 1});
  CHECK(subscriptions_of(broker, "c") == Lines{"|a/+ q2 nl rap 7", "g|b q1 0"});
}

TEST_CASE("a walk shows each client once, in slices", "[inspection]") {
  test::Broker broker;
  constexpr std::size_t count = 2500;
  for (std::size_t i = 0; i < count; ++i) {
    broker.lose(broker.client("c" + std::to_string(i), test::lasting()));
  }
  std::size_t next = 0;
  std::size_t slices = 1;
  std::size_t shown = 0;
  const auto visit = [&](const ClientView&) { return ++shown > 0; };
  while (broker.shard(0).admin().show_clients(next, broker.now, visit)) ++slices;
  CHECK(shown == count);
  CHECK(slices > 2);
}

TEST_CASE("a walk that is left goes on behind the last client", "[inspection]") {
  test::Broker broker;
  for (const char* const id : {"a", "b", "c", "d", "e"}) broker.client(id);
  std::size_t next = 0;
  std::string shown;
  for (int page = 0; page < 3; ++page) {
    int rows = 0;
    const bool more =
        broker.shard(0).admin().show_clients(next, broker.now, [&](const ClientView& view) {
          shown += view.client_id;
          return ++rows < 2;
        });
    CHECK_FALSE(more);
    shown += ' ';
  }
  CHECK(shown == "ab cd e ");
}

TEST_CASE("an administrator's orders reach a client on any shard", "[inspection]") {
  test::Broker broker(3);
  const auto client = broker.client("c", test::lasting());
  std::size_t done = 0;
  for (std::uint32_t i = 0; i < 3; ++i)
    done += broker.shard(i).admin().disconnect_client("c", broker.now);
  broker.settle();
  CHECK(done == 1);
  CHECK(broker.closed(client));
  for (std::uint32_t i = 0; i < 3; ++i)
    done += broker.shard(i).admin().forget_session("c", broker.now);
  CHECK(done == 2);
  CHECK_FALSE(look(broker, "c", [](const ClientView&) {}));
}

TEST_CASE("retained messages are shown and removed", "[inspection]") {
  test::Broker broker(2);
  const auto client = broker.client("c");
  for (unsigned i = 0; i < 3000; ++i) {
    broker.publish(client, "r/" + std::to_string(i), "x", {.retain = true});
  }
  const auto count = [&](std::string_view filter) {
    const auto walk = broker.shard(1).admin().walk_retained(filter);
    std::size_t shown = 0;
    while (broker.shard(1).admin().continue_walk(
        *walk, broker.now, [&](const broker::MessageView&, const broker::Publisher* by) {
          CHECK(by->client_id == "c");
          ++shown;
        })) {
      continue;
    }
    return shown;
  };
  CHECK(count("r/#") == 3000);
  CHECK(count("r/17") == 1);
  CHECK(broker.shard(0).admin().remove_retained("r/17", broker.now));
  CHECK_FALSE(broker.shard(0).admin().remove_retained("r", broker.now));
  broker.settle();
  CHECK(count("r/17") == 0);
  CHECK(count("r/#") == 2999);
}
