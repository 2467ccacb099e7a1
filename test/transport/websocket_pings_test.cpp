#include "transport/websocket_pings.h"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

namespace transport {
namespace {

using Due = WebSocketPings::Due;

/// A WebSocket of a listener that sends pings every ten seconds.
class Watched {
 public:
  explicit Watched(std::uint32_t interval_seconds = 10) {
    ListenerOptions options;
    options.port = 0;
    options.loopback_only = true;
    options.websockets_ping_interval_seconds = interval_seconds;
    connection_.id = {1, 1};
    connection_.listener = Listener::open(options).value();
    connection_.websocket = std::make_unique<WebSocketReader>();
    pings_.watch(connection_, now_);
  }

  /// Waits; returns all that was due by then.
  std::vector<Due> after(std::int64_t seconds) {
    now_ = broker::after_seconds(now_, seconds);
    std::vector<Due> all;
    pings_.due(
        now_, [&](broker::ConnectionId) { return there_ ? &connection_ : nullptr; },
        [&](Connection&, Due due) { all.push_back(due); });
    return all;
  }
  void hear() { WebSocketPings::heard(connection_, now_); }
  void go() { there_ = false; }

 private:
  WebSocketPings pings_;
  Connection connection_;
  broker::Instant now_{1'000'000};
  bool there_ = true;
};

}  // namespace

TEST_CASE("a silent WebSocket gets a ping, and is lost if it does not answer",
          "[websocket_pings]") {
  Watched watched;
  CHECK(watched.after(9).empty());
  CHECK(watched.after(1) == std::vector{Due::ping});
  CHECK(watched.after(9).empty());
  CHECK(watched.after(1) == std::vector{Due::lose});
  CHECK(watched.after(100).empty());
}

TEST_CASE("a WebSocket that sends anything stays", "[websocket_pings]") {
  Watched watched;
  for (int round = 0; round < 3; ++round) {
    CHECK(watched.after(10) == std::vector{Due::ping});
    watched.hear();
  }
  CHECK(watched.after(6).empty());
  watched.hear();
  CHECK(watched.after(9).empty());  // the interval counts from the last bytes
  CHECK(watched.after(1) == std::vector{Due::ping});
}

TEST_CASE("connections that are gone, or have no interval, get no ping", "[websocket_pings]") {
  Watched gone;
  gone.go();
  CHECK(gone.after(100).empty());
  Watched without(0);
  CHECK(without.after(100).empty());
}

}  // namespace transport
