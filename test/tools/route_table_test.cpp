#include "tools/null-relay/route_table.h"

#include <catch2/catch.hpp>
#include <string_view>
#include <vector>

#include "tools/null-relay/peer.h"

namespace {

using relay::Peer;
using relay::RouteTable;

std::vector<const Peer*> peers_for(RouteTable& routes, std::string_view topic) {
  std::vector<const Peer*> peers;
  for (const relay::Receiver& receiver : routes.receivers(topic)) peers.push_back(receiver.peer);
  return peers;
}

}  // namespace

TEST_CASE("a topic is routed to the peers whose filters match it", "[route_table]") {
  Peer one;
  Peer two;
  RouteTable routes;
  routes.subscribe(one, "a/+", mqtt::Qos::at_most_once);
  routes.subscribe(two, "a/#", mqtt::Qos::at_least_once);
  CHECK(peers_for(routes, "a/b") == std::vector<const Peer*>{&one, &two});
  CHECK(peers_for(routes, "a/b/c") == std::vector<const Peer*>{&two});
  CHECK(peers_for(routes, "b").empty());
  CHECK(routes.receivers("a/b/c").front().qos == mqtt::Qos::at_least_once);
}

TEST_CASE("a route that is known follows what comes and goes", "[route_table]") {
  Peer one;
  Peer two;
  RouteTable routes;
  routes.subscribe(one, "a", mqtt::Qos::at_most_once);
  CHECK(peers_for(routes, "a") == std::vector<const Peer*>{&one});
  routes.subscribe(two, "a", mqtt::Qos::at_most_once);
  CHECK(peers_for(routes, "a") == std::vector<const Peer*>{&one, &two});
  routes.forget(one);
  CHECK(peers_for(routes, "a") == std::vector<const Peer*>{&two});
}
