#include "broker/client_log.h"

#include <catch2/catch.hpp>

#include "test/broker/parts.h"

namespace {

using broker::ClientLog;
using broker::Instant;
using broker::LogType;

}  // namespace

TEST_CASE("of lines that are rare one a second is written, and the next counts the others",
          "[client_log]") {
  test::Parts parts;
  parts.turn.enter(Instant{1000});
  for (int i = 0; i < 5; ++i) parts.log.note_rarely(ClientLog::RareLine::delayed, {}, {"slow"});
  CHECK(parts.lines.lines == std::vector<std::string>{"slow"});
  parts.log.note_rarely(ClientLog::RareLine::control_will, {}, {"will"});
  CHECK(parts.lines.lines.size() == 2);
  parts.turn.enter(Instant{2500});
  parts.log.note_rarely(ClientLog::RareLine::delayed, {}, {"slow"});
  CHECK(parts.lines.contains("4 more lines of this kind before it."));
}

TEST_CASE("clients that come and go are told only if somebody reads that", "[client_log]") {
  test::Parts parts;
  parts.limits.connection_messages = true;
  CHECK(parts.log.tells_of_connections());
  parts.limits.connection_messages = false;
  CHECK_FALSE(parts.log.tells_of_connections());
}

TEST_CASE("whether debug lines are read is asked at the beginning of an event", "[client_log]") {
  test::Parts parts;
  parts.log.enter();
  CHECK_FALSE(parts.log.debug());
  CHECK_FALSE(parts.log.enabled(LogType::debug));
}
