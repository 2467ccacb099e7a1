#include "tools/darter-client/watch_table.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

using shell::WatchTable;

namespace {

void add(WatchTable& table, std::string_view topic, std::string_view payload, std::int64_t at) {
  mqtt::Publish message;
  message.topic = topic;
  message.payload = mqtt::as_bytes(payload);
  table.add(message, {at});
}

}  // namespace

TEST_CASE("the table shows topics, rates and newest messages", "[watch]") {
  WatchTable table("broker:1883");
  CHECK(table.render({0}, 10, 80) ==
        "broker:1883   topics 0   messages 0   -/s\n"
        "TOPIC MESSAGES   RATE/S     AGE  LAST\n");
  add(table, "room/b", "17.5", 100);
  add(table, "room/a", "x\ny", 200);
  add(table, "room/b", "18", 1000);
  CHECK(table.render({2000}, 10, 80) ==
        "broker:1883   topics 2   messages 3   1.5/s\n"
        "TOPIC  MESSAGES   RATE/S     AGE  LAST\n"
        "room/a        1      0.5     1 s  x y\n"
        "room/b        2      1.0     1 s  18\n");
  CHECK(table.render({3000}, 10, 80).find("0.0/s") != std::string::npos);
}

TEST_CASE("the busiest topics are shown if not all fit, and lines fit", "[watch]") {
  WatchTable table("b");
  (void)table.render({0}, 10, 40);
  for (const std::string_view topic : {"calm", "busy/1", "busy/2", "silent"}) {
    add(table, topic, std::string(100, 'z'), 0);
    if (topic.starts_with("busy")) add(table, topic, std::string(100, 'z'), 0);
  }
  const std::string text = table.render({1000}, 5, 40);
  CHECK(text.find("busy/1") != std::string::npos);
  CHECK(text.find("busy/2") != std::string::npos);
  CHECK(text.find("calm") == std::string::npos);
  CHECK(text.find("and 2 quieter topics") != std::string::npos);
  std::size_t start = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', start)) {
    CHECK(end - start <= 40);
    start = end + 1;
  }
}

TEST_CASE("payloads that are no text are counted", "[watch]") {
  WatchTable table("b");
  add(table, "t", "\xff\x01", 0);
  CHECK(table.render({0}, 10, 80).find("(2 bytes)") != std::string::npos);
}

TEST_CASE("the table has a bound", "[watch]") {
  WatchTable table("b");
  for (std::size_t i = 0; i <= WatchTable::topics_max; ++i) {
    add(table, "t/" + std::to_string(i), "", 0);
  }
  const std::string text = table.render({0}, 5, 80);
  CHECK(text.find("topics 10000   messages 10001") != std::string::npos);
}
