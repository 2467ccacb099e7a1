#include "broker/server/ask/overview.h"

#include <catch2/catch.hpp>
#include <string>

namespace {

using Json = nlohmann::ordered_json;

Json status() {
  return Json::parse(R"({
      "version": "0.1.0", "uptime_seconds": 3700, "configuration_generation": 2, "loops": 4,
      "clients_connected": 12, "sessions": 15, "subscriptions": 40, "retained_messages": 7,
      "resident_bytes": 31457280, "open_files": 40, "open_files_max": 20000,
      "store": {"failing": false, "error": "", "lag_microseconds": 3500},
      "listeners": [{"name": "port 1883", "connections": 11, "open": true},
                    {"name": "port 9001", "connections": 0, "open": false}],
      "certificates": [{"port": "8883", "days": 61}],
      "bridges": [{"name": "up", "connected": true}, {"name": "far", "connected": false,
                  "last_error": "refused"}],
      "totals": {"publish_received": 100, "publish_sent": 50, "publish_dropped": 0,
                 "bytes_received": 2048, "bytes_sent": 0, "connections": 20, "refused": 3,
                 "logins_failed": 1},
      "faults": []})");
}

}  // namespace

TEST_CASE("two answers are a screenful with rates", "[ask]") {
  const Json before = status();
  Json now = status();
  now["totals"]["publish_received"] = 300;
  now["totals"]["bytes_received"] = 6144;
  const std::string text = ask::overview_text(before, now, 2);
  CHECK(text.starts_with("darter        0.1.0, up 1 h 1 min, 4 loops, configuration 2\n"));
  CHECK(text.contains("clients       12 connected, 15 sessions, 40 subscriptions\n"));
  CHECK(text.contains("messages      100/s in, 0/s out, 0/s dropped; 7 retained\n"));
  CHECK(text.contains("traffic       2.0 KiB/s in, 0 B/s out\n"));
  CHECK(text.contains("1 failed and 3 refused since the start\n"));
  CHECK(text.contains("store         written, 3 ms behind\n"));
  CHECK(text.contains("listeners     port 1883 (11), port 9001 (CLOSED, 0)\n"));
  CHECK(text.contains("certificates  8883: 61 days\n"));
  CHECK(text.contains("bridges       up: connected, far: AWAY, refused\n"));
  CHECK_FALSE(text.contains("PROBLEM"));
}

TEST_CASE("problems stand in front, and cannot move the cursor", "[ask]") {
  Json now = status();
  now["faults"] = {"The store\x1B[2J"};
  now["store"] = {{"failing", true}, {"error", "disk full"}};
  const std::string text = ask::overview_text(now, now, 1);
  CHECK(text.contains("PROBLEM       The store\\x1B[2J\nclients"));
  CHECK(text.contains("store         FAILING: disk full\n"));
}

TEST_CASE("a broker that was started again has no negative rates", "[ask]") {
  Json now = status();
  now["totals"]["publish_received"] = 10;
  CHECK(ask::overview_text(status(), now, 1).contains("messages      10/s in"));
}

TEST_CASE("answers of another version are read as far as they go", "[ask]") {
  CHECK(ask::overview_text(Json::object(), Json::object(), 1).contains("store         not kept"));
  CHECK(ask::overview_text(nullptr, Json{{"totals", 5}, {"listeners", "x"}, {"faults", 1}}, 1)
            .starts_with("darter"));
}
