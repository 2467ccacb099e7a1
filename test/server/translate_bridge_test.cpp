#include "broker/server/translate_bridge.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace {

conf::BridgeSettings settings_of_edge() {
  conf::BridgeSettings settings;
  settings.name = "edge";
  settings.addresses = {{"192.0.2.1", 1884}};
  settings.topics = {{.pattern = "#",
                      .direction = conf::BridgeDirection::both,
                      .qos = 1,
                      .local_prefix = "",
                      .remote_prefix = ""}};
  return settings;
}

bridge::Options options_of(const conf::BridgeSettings& settings) {
  const auto plans = server::bridge_plans_of(settings, {.host_name = "host"});
  REQUIRE(plans.has_value());
  REQUIRE(plans->size() == 1);
  return plans->front().options;
}

}  // namespace

TEST_CASE("a bridge has Mosquitto's client ids", "[server]") {
  conf::BridgeSettings settings = settings_of_edge();
  const bridge::Options options = options_of(settings);
  CHECK(options.remote_client_id == "host.edge");
  CHECK(options.local_client_id == "local.host.edge");
  CHECK(options.notification_topic == "$SYS/broker/connection/host.edge/state");
  settings.remote_clientid = "away";
  CHECK(options_of(settings).remote_client_id == "away");
  CHECK(options_of(settings).local_client_id == "local.away");
  CHECK(options_of(settings).notification_topic == "$SYS/broker/connection/away/state");
  settings.local_clientid = "home";
  CHECK(options_of(settings).local_client_id == "home");
}

TEST_CASE("a session that is not clean lasts, in 5.0 too", "[server]") {
  conf::BridgeSettings settings = settings_of_edge();
  settings.protocol = conf::BridgeProtocol::v5_0;
  CHECK(options_of(settings).remote_session_expiry_interval_seconds == 0xFFFF'FFFF);
  settings.session_expiry_interval_seconds = 3600;
  CHECK(options_of(settings).remote_session_expiry_interval_seconds == 3600);
  settings.cleansession = true;
  settings.session_expiry_interval_seconds = 0;
  CHECK(options_of(settings).remote_session_expiry_interval_seconds == 0);
}

TEST_CASE("notifications of a bridge are for none, this broker or both", "[server]") {
  conf::BridgeSettings settings = settings_of_edge();
  CHECK(options_of(settings).notifications == bridge::Notifications::both);
  settings.notifications_local_only = true;
  CHECK(options_of(settings).notifications == bridge::Notifications::local);
  settings.notifications = false;
  CHECK(options_of(settings).notifications == bridge::Notifications::none);
}

TEST_CASE("each address of a bridge has a way to it", "[server]") {
  conf::BridgeSettings settings = settings_of_edge();
  settings.addresses.push_back({"broker.example", 8883});
  settings.bind_address = "192.0.2.9";
  settings.tcp_keepalive = {.idle_seconds = 600, .interval_seconds = 30, .probes = 5};
  settings.tcp_user_timeout_milliseconds = 700;
  const auto plans = server::bridge_plans_of(settings, {.host_name = "host"});
  REQUIRE(plans.has_value());
  const transport::BridgePlan* const plan = &plans->front();
  REQUIRE(plan->links.size() == 2);
  CHECK(plan->links[0].address.text() == "192.0.2.1:1884");
  CHECK(plan->links[1].address.text() == "broker.example:8883");
  CHECK(plan->links[1].socket.bind_address == "192.0.2.9");
  CHECK(plan->links[1].socket.keepalive_idle_seconds == 600);
  CHECK(plan->links[1].socket.user_timeout_milliseconds == 700);
  CHECK_FALSE(plan->links[0].address.has_tls());
}

TEST_CASE("a bridge with files that cannot be read has no plan", "[server]") {
  conf::BridgeSettings settings = settings_of_edge();
  settings.tls.cafile = "/nowhere/ca.crt";
  const auto plans = server::bridge_plans_of(settings, {.host_name = "host"});
  REQUIRE_FALSE(plans.has_value());
  CHECK(plans.error().starts_with("Bridge edge: "));
  CHECK(plans.error().find("/nowhere/ca.crt") != std::string::npos);
}

TEST_CASE("an address of a bridge is spoken to as it says, or as the bridge does", "[server]") {
  conf::BridgeSettings settings = settings_of_edge();
  settings.websockets = true;
  settings.path = "/edge";
  settings.addresses.push_back({"c", 443, conf::BridgeScheme::mqtt, ""});
  settings.addresses.push_back({"", 0, conf::BridgeScheme::unix_socket, "/run/d"});
  const auto plans = server::bridge_plans_of(settings, {.host_name = "host"});
  REQUIRE(plans.has_value());
  const transport::BridgePlan* const plan = &plans->front();
  CHECK(plan->links[0].address.scheme == transport::LinkScheme::ws);
  CHECK(plan->links[0].websocket.path == "/edge");
  CHECK(plan->links[1].address.scheme == transport::LinkScheme::mqtt);
  CHECK(plan->links[2].address.is_unix());
  CHECK(plan->options.addresses[2].host == "unix:/run/d");
}

TEST_CASE("the connections of a bridge have client ids and topics of their own", "[server]") {
  conf::BridgeSettings settings = settings_of_edge();
  settings.connections = 3;
  settings.notification_topic = "edge/state";
  settings.topics = {{.pattern = "out/#", .local_prefix = "", .remote_prefix = ""},
                     {.pattern = "in/#",
                      .direction = conf::BridgeDirection::in,
                      .local_prefix = "",
                      .remote_prefix = ""},
                     {.pattern = "both/#",
                      .direction = conf::BridgeDirection::both,
                      .local_prefix = "",
                      .remote_prefix = ""}};
  const auto plans = server::bridge_plans_of(settings, {.host_name = "host"});
  REQUIRE(plans.has_value());
  REQUIRE(plans->size() == 3);
  const bridge::Options& second = (*plans)[1].options;
  CHECK((*plans)[0].options.remote_client_id == "host.edge");
  CHECK(second.name == "edge.2");
  CHECK(second.remote_client_id == "host.edge.2");
  CHECK(second.local_client_id == "local.host.edge.2");
  CHECK(second.notification_topic == "edge/state.2");
  CHECK((*plans)[0].options.mappings.size() == 2);
  CHECK(second.mappings.size() == 2);
  CHECK((*plans)[2].options.mappings.size() == 1);
  for (const char* const topic : {"out/a", "out/b", "both/a", "both/b"}) {
    const auto takers = std::ranges::count_if(
        *plans, [topic](const auto& each) { return each.share->takes(topic); });
    CHECK(takers == 1);
  }
  CHECK(second.local_leftovers.empty());
  CHECK((*plans)[2].options.local_leftovers == std::vector<std::string>{"both/#"});
  CHECK((*plans)[2].options.remote_leftovers == std::vector<std::string>{"in/#", "both/#"});
}
