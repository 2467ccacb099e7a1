#include "broker/server/ask/selection.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace {

using ask::ClientOrder;
using ask::Selection;
using broker::ClientView;

Selection::Options options_with(std::string_view filter = "") {
  Selection::Options options;
  options.rows_max = 100;
  options.listeners = {"1883", "127.0.0.1:9001"};
  if (!filter.empty()) options.filters.push_back(ask::client_filter_of(filter).value());
  return options;
}

ClientView alice() {
  ClientView view;
  view.client_id = "sensor-7";
  view.user_name = "alice";
  view.address = "10.0.0.7";
  view.listener = 1;
  view.version = mqtt::Version::v3_1_1;
  view.connected = true;
  return view;
}

/// The ids of the rows, with a blank behind each.
std::string ids_of(Selection& selection) {
  std::string ids;
  for (const auto& row : selection.take()) ids += row["client_id"].get<std::string>() + " ";
  return ids;
}

}  // namespace

TEST_CASE("a filter is a pattern for one value", "[ask]") {
  const auto [filter, matches] = GENERATE(table<std::string_view, bool>({
      {"id=sensor-7", true},
      {"id=sensor-?", true},
      {"id=sensor", false},
      {"id=*-7", true},
      {"user=alice", true},
      {"user=", false},
      {"address=10.*", true},
      {"address=11.*", false},
      {"listener=127.0.0.1:9001", true},
      {"listener=1883", false},
      {"version=3.1.1", true},
      {"connected=yes", true},
      {"connected=no", false},
  }));
  CAPTURE(filter);
  const Selection::Options options = options_with(filter);
  Selection selection(options);
  CHECK(selection.add(alice()));
  CHECK(selection.size() == (matches ? 1 : 0));
}

TEST_CASE("an unknown key or order is told with those there are", "[ask]") {
  CHECK(ask::client_filter_of("name=x").error() ==
        "A filter is KEY=PATTERN, with one of the keys id, user, address, listener, version, "
        "connected, not 'name=x'.");
  CHECK_FALSE(ask::client_filter_of("alice").has_value());
  CHECK(ask::client_order_of("size").error() ==
        "Clients are sorted by queue, rate, age, silent, dropped, id, not by 'size'.");
}

TEST_CASE("without an order the first to come are kept", "[ask]") {
  Selection::Options options = options_with();
  options.rows_max = 2;
  Selection selection(options);
  ClientView view = alice();
  view.client_id = "a";
  CHECK(selection.add(view));
  view.client_id = "b";
  CHECK_FALSE(selection.add(view));
  CHECK(ids_of(selection) == "a b ");
}

TEST_CASE("with an order the highest of all are kept, from several shards", "[ask]") {
  const auto [order, expected] = GENERATE(table<ClientOrder, std::string_view>({
      {ClientOrder::queue, "c9 c8 c7 "},
      {ClientOrder::rate, "c4 c9 c8 "},
      {ClientOrder::age, "c0 c1 c2 "},
      {ClientOrder::silent, "c9 c8 c7 "},
      {ClientOrder::dropped, "c5 c0 c1 "},
      {ClientOrder::id, "c0 c1 c2 "},
  }));
  Selection::Options options = options_with();
  options.rows_max = 3;
  options.order = order;
  Selection one(options);
  Selection other(options);
  for (int i = 0; i < 10; ++i) {
    const std::string id = "c" + std::to_string(i);
    ClientView view = alice();
    view.client_id = id;
    view.queued_bytes = static_cast<std::size_t>(i);
    view.connected_seconds = 10 - i;
    view.silent_seconds = i;
    view.dropped = i == 5 ? 1 : 0;
    view.rates = {.received = i == 4 ? 0.5 : 0.0, .sent = i / 16.0};
    CHECK((i % 2 == 0 ? one : other).add(view));
  }
  CHECK(one.size() == 3);
  one.add(std::move(other));
  CHECK(ids_of(one) == expected);
}

TEST_CASE("a client has a row", "[ask]") {
  ClientView view = alice();
  view.expiry_interval_seconds = 60;
  view.rates = {.received = 0.333, .sent = 1000};
  const ask::Json row = ask::json_of(view, "1883");
  CHECK(row["client_id"] == "sensor-7");
  CHECK(row["version"] == "3.1.1");
  CHECK(row["connected"] == true);
  CHECK(row["session_expiry_seconds"] == 60);
  CHECK(row["received_per_second"] == 0.3);
  CHECK(row["sent_per_second"] == 1000.0);
  CHECK(row["expires_in_seconds"].is_null());
  view.expiry_interval_seconds = 0xFFFF'FFFF;
  view.expires_seconds = 5;
  CHECK(ask::json_of(view, "1883")["session_expiry_seconds"].is_null());
  CHECK(ask::json_of(view, "1883")["expires_in_seconds"] == 5);
}
