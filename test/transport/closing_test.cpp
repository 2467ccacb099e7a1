#include "transport/closing.h"

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <string_view>
#include <vector>

namespace transport {
namespace {

constexpr broker::Instant start{1'000'000};

/// A connection without a socket, closed by the broker in turn 7.
struct Ending {
  Ending() {
    connection.id = {1, 1};
    connection.state = State::closing;
    connection.write_turn = 6;
  }
  void speak_websocket() { connection.websocket = std::make_unique<WebSocketReader>(); }
  [[nodiscard]] bool at_once() const { return Closing::may_end_at_once(connection, 7); }

  Connection connection;
};

std::vector<std::uint32_t> expired(Closing& closing, broker::Instant now) {
  std::vector<std::uint32_t> slots;
  closing.expire(now, [&](broker::ConnectionId id) { slots.push_back(id.slot); });
  return slots;
}

}  // namespace

TEST_CASE("a connection ends at once if the broker said nothing to it", "[closing]") {
  Ending ending;
  CHECK(ending.at_once());
  ending.connection.write_turn = 7;
  CHECK_FALSE(ending.at_once());
}

TEST_CASE("a connection that broke the rules waits for its client to read why", "[closing]") {
  Ending ending;
  SECTION("of MQTT") { ending.connection.how = broker::CloseHow::protocol_error; }
  SECTION("before MQTT") { ending.connection.state = State::rejected; }
  CHECK_FALSE(ending.at_once());
  CHECK(Closing::ends_first(ending.connection));
}

TEST_CASE("a WebSocket ends once its client has closed it", "[closing]") {
  Ending ending;
  ending.speak_websocket();
  CHECK_FALSE(ending.at_once());
  CHECK_FALSE(Closing::ends_first(ending.connection));
  // A masked Close without a code.
  std::array<std::byte, 6> frame{std::byte{0x88}, std::byte{0x80}};
  CHECK(ending.connection.websocket->read(frame).end == WebSocketInput::End::closed_by_peer);
  CHECK(ending.at_once());
}

TEST_CASE("output and the client's end have their time", "[closing]") {
  Closing closing;
  Ending ending;
  closing.wait_for_output(ending.connection, start);
  CHECK(expired(closing, broker::after_milliseconds(start, Closing::output_milliseconds - 1))
            .empty());
  CHECK(expired(closing, broker::after_milliseconds(start, Closing::output_milliseconds)) ==
        std::vector<std::uint32_t>{1});

  const bool stopping = GENERATE(false, true);
  const std::int64_t milliseconds =
      stopping ? Closing::last_end_milliseconds : Closing::end_milliseconds;
  ending.speak_websocket();
  closing.linger(ending.connection, stopping, start);
  CHECK(ending.connection.state == State::lingering);
  CHECK(ending.connection.deadline == broker::after_milliseconds(start, milliseconds));
  CHECK(expired(closing, broker::after_milliseconds(start, milliseconds - 1)).empty());
  CHECK(expired(closing, broker::after_milliseconds(start, milliseconds)).size() == 1);
}

}  // namespace transport
