#include "broker/server/ask/table.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "broker/core/retained.h"
#include "broker/server/ask/retained_rows.h"
#include "broker/server/ask/selection.h"
#include "broker/wire/bytes.h"

using namespace std::string_view_literals;

namespace {

nlohmann::ordered_json row_of(std::string_view payload) {
  broker::MessageView message;
  message.topic = "t";
  message.payload = mqtt::as_bytes(payload);
  return ask::json_of(message, nullptr);
}

}  // namespace

TEST_CASE("no client's text moves the cursor of a terminal", "[ask]") {
  CHECK(ask::printable("a\x1B[2Jb\n\x7F") == "a\\x1B[2Jb\\x0A\\x7F");
  CHECK(ask::printable("häß") == "häß");
}

TEST_CASE("durations and sizes are short", "[ask]") {
  CHECK(ask::duration_text(0) == "0 s");
  CHECK(ask::duration_text(59) == "59 s");
  CHECK(ask::duration_text(61) == "1 min 1 s");
  CHECK(ask::duration_text(7200) == "2 h");
  CHECK(ask::duration_text(90'000) == "1 d 1 h");
  CHECK(ask::bytes_text(0) == "0 B");
  CHECK(ask::bytes_text(1023) == "1023 B");
  CHECK(ask::bytes_text(1536) == "1.5 KiB");
  CHECK(ask::bytes_text(std::uint64_t{30} << 20U) == "30 MiB");
  CHECK(ask::bytes_text(UINT64_MAX) == "16777216 TiB");
}

TEST_CASE("the columns of the first page hold for all", "[ask]") {
  ask::Table table{"ID", "N"};
  table.add({"häuser", "1"});
  CHECK(table.print() == "ID      N\nhäuser  1\n");
  table.add({"a", "2"});
  table.add({"much-longer", "3"});
  CHECK(table.print() == "a       2\nmuch-longer  3\n");
  CHECK(table.print().empty());
}

TEST_CASE("a client's facts are lines", "[ask]") {
  broker::ClientView view;
  view.client_id = "sensor\n7";
  view.address = "fe80::1";
  view.port = 5;
  view.connected = true;
  view.connected_seconds = 61;
  view.rates.received = 0.5;
  auto client = ask::json_of(view, "1883");
  client["subscriptions"] = 2;
  CHECK_FALSE(ask::client_text(client).contains("Behind"));
  client["blocking_packet"] = "packet 1 (QoS 1, topic 't') is not acknowledged";
  client["subscription_list"] = ask::Json::array();
  client["subscription_list"].push_back(
      ask::json_of(broker::SubscriptionView{"g", "a/#", mqtt::Qos::at_least_once, true, false, 7}));
  const std::string text = ask::client_text(client);
  CHECK(text.starts_with("Client        sensor\\x0A7\n"));
  CHECK(text.contains("Connected     from [fe80::1]:5 for 1 min 1 s\n"));
  CHECK(text.contains("Messages      0.5 a second from it, 0 to it\n"));
  CHECK(text.contains("Session       ends with the connection\n"));
  CHECK(text.contains("Behind        packet 1 (QoS 1, topic 't') is not acknowledged\n"));
  CHECK(text.contains("  a/#     1    g      no-local id=7\n  and 1 more\n"));
}

TEST_CASE("a client has a row with its rates", "[ask]") {
  broker::ClientView view;
  view.client_id = "c";
  view.connected = true;
  view.rates = {.received = 2.25, .sent = 1234.5};
  ask::Table table = ask::client_table();
  ask::add_client(table, ask::json_of(view, "1883"));
  const std::string text = table.print();
  CHECK(text.starts_with("CLIENT  USER  ADDRESS  LISTENER  MQTT  SUBSCRIPTIONS  IN/S  OUT/S  "));
  CHECK(text.contains(" 5.0   0              2.3   1234   0 "));
  view.rates = {};
  ask::add_client(table, ask::json_of(view, "1883"));
  CHECK(table.print().contains(" 5.0   0              0     0      0 "));
}

TEST_CASE("decisions of listeners are one line if they are alike", "[ask]") {
  auto answer = nlohmann::ordered_json::parse(R"({"answers": [
      {"listener": "1883", "allowed": true, "decided": "by acl:3"},
      {"listener": "9001", "allowed": true, "decided": "by acl:3"}]})");
  CHECK(ask::decisions_text(answer) == "allowed: by acl:3\n");
  answer["answers"][1]["allowed"] = false;
  answer["answers"][1]["decided"] = "by\n:4";
  CHECK(ask::decisions_text(answer) == "on 1883 allowed: by acl:3\non 9001 denied: by\\x0A:4\n");
  CHECK(ask::decisions_text({}).empty());
}

TEST_CASE("topics have their rates, and no control character", "[ask]") {
  ask::Table table{"TOPIC", "MESSAGES", "BYTES"};
  ask::add_top(table, nlohmann::ordered_json::parse(R"({"name": "a\u001b", "cut": true,
      "messages_per_second": 2.25, "bytes_per_second": 2048.5, "error_per_second": 0})"));
  ask::add_top(table, nlohmann::ordered_json::parse(R"({"name": "b"})"));
  CHECK(table.print() ==
        "TOPIC     MESSAGES  BYTES\n"
        "a\\x1B...  2.2/s     2.0 KiB/s\n"
        "b         0.0/s     0 B/s\n");
}

TEST_CASE("an answer of another version is read as far as it goes", "[ask]") {
  CHECK(
      ask::client_text(nlohmann::ordered_json::parse(R"({"client_id": 5})")).starts_with("Client"));
}

TEST_CASE("a payload is text, or base64, and cut", "[ask]") {
  CHECK(row_of("hi")["payload"] == "hi");
  CHECK(row_of("\xFF\x00"sv)["payload_base64"] == "/wA=");
  const std::string large = std::string(255, 'a') + "ä";
  CHECK(row_of(large)["payload"] == std::string(255, 'a'));
  CHECK(row_of(large)["payload_bytes"] == 257);
  CHECK_FALSE(row_of(large).contains("payload_base64"));
}
