#include "transport/connection_log.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/transport/fixture.h"

namespace transport {
namespace {

/// Lines, and the fields of the last one.
class FieldsLog final : public TestLog {
 public:
  void write_event(broker::LogType type, const broker::LogFields& fields,
                   std::string_view line) override {
    event = fields.event;
    address = fields.address;
    port = fields.port;
    write(type, line);
  }

  broker::Event event = broker::Event::message;
  std::string address;
  std::uint16_t port = 0;
};

/// A connection of a listener, and the lines about it.
struct Told {
  Told() {
    ListenerOptions options;
    options.port = 0;
    options.loopback_only = true;
    connection.listener = Listener::open(options).value();
    connection.address = PeerAddress::parse("192.0.2.7", 49152).value();
  }
  void refuse(broker::Refusal refusal) {
    lines.refused(connection, refusal, "Connection from ", " refused.", now);
  }

  FieldsLog log;
  ConnectionLog lines{log};
  Connection connection;
  broker::Instant now{1'000'000};
};

}  // namespace

TEST_CASE("a line names the client between two texts", "[connection_log]") {
  Told told;
  told.lines.note(told.connection, broker::Event::protocol_error, "Client ", " came.", told.now,
                  std::source_location::current());
  CHECK(told.log.count("Client 192.0.2.7:49152 came.") == 1);
}

TEST_CASE("a refusal has an event, and the client's address", "[connection_log]") {
  Told told;
  using enum broker::Event;
  for (const auto& [refusal, event] :
       {std::pair{broker::Refusal::tls_handshake, tls_handshake_failed},
        std::pair{broker::Refusal::banned, banned_address_refused},
        std::pair{broker::Refusal::handshake_timeout, handshake_timeout},
        std::pair{broker::Refusal::max_connections, connection_refused}}) {
    told.refuse(refusal);
    CHECK(told.log.event == event);
    CHECK(told.log.address == "192.0.2.7");
    CHECK(told.log.port == 49152);
  }
  told.lines.banned({AddressPrefix(told.connection.address, 64)}, {}, told.now);
  CHECK(told.log.event == address_banned);
}

TEST_CASE("each reason of a refusal has a line a second, others are counted", "[connection_log]") {
  Told told;
  for (int i = 0; i < 3; ++i) told.refuse(broker::Refusal::banned);
  told.refuse(broker::Refusal::connection_rate);
  CHECK(told.log.count(" refused.") == 2);
  told.lines.tell_held_back(told.now);
  CHECK(told.log.count("more connections") == 0);
  told.now = broker::after_seconds(told.now, 1);
  told.lines.tell_held_back(told.now);
  CHECK(told.log.count("2 more connections were refused or closed: banned.") == 1);
  told.lines.tell_held_back(told.now);
  CHECK(told.log.count("more connections") == 1);
}

TEST_CASE("bans and defects have a line a second that tells the count of others",
          "[connection_log]") {
  Told told;
  const AddressKey key{AddressPrefix(told.connection.address, 64)};
  const LoginBounds bounds{.failures_max = 3, .time_seconds = 60, .ban_seconds = 300};
  for (int second = 0; second < 2; ++second) {
    for (int i = 0; i < 2; ++i) {
      told.lines.banned(key, bounds, told.now);
      told.lines.defects(told.connection, "no Host", told.now);
    }
    told.now = broker::after_seconds(told.now, 1);
  }
  CHECK(told.log.count("Address 192.0.2.7 is banned for 300 seconds: 3 failed logins within 60 "
                       "seconds.") == 2);
  CHECK(told.log.count("seconds. And 1 more.") == 1);
  CHECK(told.log.count("is accepted with defects: no Host.") == 2);
  CHECK(told.log.count("no Host. So were 1 more.") == 1);
}

TEST_CASE("a proxy's bad header field is told once in ten seconds", "[connection_log]") {
  Told told;
  Forwarded found;
  found.kind = Forwarded::Kind::hidden;
  found.field = "forwarded";
  for (int i = 0; i < 3; ++i) told.lines.bad_forwarded(told.connection, found, told.now);
  CHECK(told.log.count("sent a header field 'forwarded' that hides the client") == 1);
  told.now = broker::after_seconds(told.now, 10);
  told.lines.bad_forwarded(told.connection, found, told.now);
  CHECK(told.log.count("that hides the client") == 2);
}

TEST_CASE("a proxy that cuts silent connections is told", "[connection_log]") {
  Told told;
  for (int i = 0; i < 5; ++i) {
    told.connection.opened = told.now;
    told.now = broker::after_seconds(told.now, 60);
    told.lines.ended(told.connection, told.now);
  }
  CHECK(told.log.count("end after 60 seconds, one after the other") == 1);
}

}  // namespace transport
