#include "transport/login_checks.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test/transport/fixture.h"

namespace transport {
namespace {

using namespace std::string_literals;

const std::string not_authorized =
    test::encoded(mqtt::Connack{.reason = mqtt::Reason::not_authorized}, mqtt::Version::v3_1_1);

}  // namespace

TEST_CASE("a login is decided on another thread while the client goes on", "[login_checks]") {
  std::vector<std::thread> threads;
  std::mutex mutex;
  TestBroker::Options options;
  options.loops = 2;
  options.login = [&](broker::LoginRequest&& request, broker::LoginDone done) {
    if (request.client_id == "at once") return std::optional<broker::Verdict>(broker::Verdict{});
    const std::lock_guard lock(mutex);
    threads.emplace_back([done = std::move(done), id = request.client_id]() mutable {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      broker::Verdict verdict;
      if (id == "bad") verdict.reason = mqtt::Reason::not_authorized;
      done(verdict);
    });
    return std::optional<broker::Verdict>{};
  };
  {
    TestBroker broker(std::move(options));
    for (const std::string id : {"at once", "later", "later again", "bad"}) {
      Client client(broker.port());
      client.send(connect(id));
      client.send_slowly(subscribe("t") + publish("t", id));
      if (id == "bad") {
        CHECK(client.receive_all() == not_authorized);
      } else {
        const std::string expected = connack + suback() + publish("t", id);
        CHECK(client.receive(expected.size()) == expected);
      }
    }
    const std::lock_guard lock(mutex);  // the loops' threads filled it
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_CASE("a wrong login counts though its client is gone, and a banned address is not asked about",
          "[login_checks]") {
  std::mutex mutex;
  std::vector<broker::LoginDone> waiting;
  std::atomic<int> asked{0};
  TestBroker::Options options;
  options.loop.logins.failures_max = 1;
  options.login = [&](broker::LoginRequest&&, broker::LoginDone done) {
    ++asked;
    const std::lock_guard lock(mutex);
    waiting.push_back(std::move(done));
    return std::optional<broker::Verdict>{};
  };
  TestBroker broker(std::move(options));
  Client early(broker.port());
  early.send(connect("early"));
  REQUIRE(eventually([&] { return asked == 1; }));
  Client guesser(broker.port());
  guesser.send(connect("guesser"));
  REQUIRE(eventually([&] { return asked == 2; }));
  guesser.close();
  {
    const std::lock_guard lock(mutex);
    waiting[1]({mqtt::Reason::not_authorized, nullptr, "wrong password"});
  }
  CHECK(broker.log().says("is banned for 300 seconds"));
  // The address is banned: no check is made for a client that comes now.
  Client late(broker.port());
  late.send(connect("late"));
  CHECK(late.receive(4) != connack);
  CHECK(asked == 2);
  const std::lock_guard lock(mutex);
  waiting.clear();
}

}  // namespace transport
