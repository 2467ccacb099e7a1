#include "broker/server/ask/cluster.h"

#include <catch2/catch.hpp>
#include <string>

using Json = nlohmann::ordered_json;

TEST_CASE("a cluster is a table of its nodes", "[ask]") {
  Json cluster = Json::parse(R"({
      "name": "darter", "node": "one", "membership": "member", "connected": true,
      "last_error": "", "connections": 3, "sessions": 5, "filters": 2, "sent": 10, "received": 20,
      "dropped": 1, "queued_bytes": 7,
      "nodes": [{"name": "three", "state": "left"},
                {"name": "two", "state": "live", "connections": 4, "sessions": 6, "filters": 1,
                 "sent": 20, "received": 10, "dropped": 0}]})");
  const std::string text = ask::cluster_text(cluster);
  CHECK(text.starts_with("cluster darter, 2 nodes; NATS is reached, 7 bytes wait for it\n"));
  CHECK(text.contains("\none (this one)  member  3            5         2        10    20"));
  CHECK(text.contains("\nthree           left    0"));
  CHECK(text.contains("\ntwo             live    4"));
  cluster["connected"] = false;
  cluster["last_error"] = "refused\x1B";
  cluster["nodes"] = Json::array();
  CHECK(ask::cluster_text(cluster).starts_with(
      "cluster darter, 1 node; NATS IS NOT REACHED: refused\\x1B\n"));
}

TEST_CASE("a cluster of another version is read as far as it goes", "[ask]") {
  CHECK(ask::cluster_text(Json::object()).starts_with("cluster , 1 node; NATS IS NOT REACHED"));
  CHECK(ask::cluster_text(Json{{"nodes", {1, "x", nullptr}}}).starts_with("cluster , 1 node"));
}
