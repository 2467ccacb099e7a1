#include "broker/server/ask/overview.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "broker/core/text.h"
#include "broker/server/ask/table.h"
#include "broker/server/ask/values.h"

namespace ask {
namespace {

using broker::concat;
using Json = nlohmann::ordered_json;

constexpr std::size_t name_columns = 14;
constexpr std::size_t items_max = 8;  // of a list: the others are counted

std::string line(std::string_view name, std::string_view value) {
  std::string result(name);
  result.append(name_columns - std::min(name_columns - 1, result.size()), ' ');
  return concat({result, value, "\n"});
}

std::string counted(const Json& json, const char* name, std::string_view things) {
  return concat({std::to_string(number(json, name)), " ", things});
}

/// The growth of counters between two answers.
struct Rates {
  const Json& before;
  const Json& now;
  double seconds;

  [[nodiscard]] std::uint64_t of(const char* name) const {
    const std::uint64_t first = number(at(before, "totals"), name);
    const std::uint64_t last = number(at(now, "totals"), name);
    // A broker that was started again begins at 0.
    const std::uint64_t grown = last >= first ? last - first : last;
    return static_cast<std::uint64_t>(std::llround(static_cast<double>(grown) / seconds));
  }
  [[nodiscard]] std::string text_of(const char* name, std::string_view words) const {
    return concat({std::to_string(of(name)), "/s ", words});
  }
  [[nodiscard]] std::string bytes_of(const char* name, std::string_view words) const {
    return concat({bytes_text(of(name)), "/s ", words});
  }
};

/// The items of a list, each as `describe` has it, with commas between them.
template <typename Describe>
std::string list_of(const Json& list, const Describe& describe) {
  std::string result;
  std::size_t shown = 0;
  if (!list.is_array()) return result;
  for (const Json& each : list) {
    if (shown++ == items_max) {
      return concat({result, " and ", std::to_string(list.size() - items_max), " more"});
    }
    result += concat({result.empty() ? "" : ", ", describe(each)});
  }
  return result;
}

std::string store_text(const Json& now) {
  const Json& store = at(now, "store");
  if (!store.is_object()) return "not kept (persistence false)";
  if (is_true(store, "failing")) return concat({"FAILING: ", text(store, "error")});
  return concat(
      {"written, ", std::to_string(number(store, "lag_microseconds") / 1000), " ms behind"});
}

std::string cluster_line(const Json& cluster) {
  const Json& nodes = at(cluster, "nodes");
  const auto live =
      std::ranges::count_if(nodes, [](const Json& node) { return text(node, "state") == "live"; });
  std::string count = concat(
      {text(cluster, "name"), ", ", std::to_string(1 + live), live == 0 ? " node" : " nodes"});
  if (is_true(cluster, "connected")) return count;
  return concat({count, "; NATS IS NOT REACHED: ", text(cluster, "last_error")});
}

}  // namespace

std::string overview_text(const Json& before, const Json& now, double seconds) {
  assert(seconds > 0);
  const Rates rates{before, now, seconds};
  const Json& totals = at(now, "totals");
  std::string all = line(
      "darter", concat({text(now, "version"), ", up ",
                        duration_text(static_cast<std::int64_t>(number(now, "uptime_seconds"))),
                        ", ", counted(now, "loops", "loops"), ", configuration ",
                        std::to_string(number(now, "configuration_generation"))}));
  for (const Json& fault : at(now, "faults")) {
    if (fault.is_string()) all += line("PROBLEM", printable(fault.get_ref<const std::string&>()));
  }
  all += line("clients", concat({counted(now, "clients_connected", "connected, "),
                                 counted(now, "sessions", "sessions, "),
                                 counted(now, "subscriptions", "subscriptions")}));
  all += line("messages", concat({rates.text_of("publish_received", "in, "),
                                  rates.text_of("publish_sent", "out, "),
                                  rates.text_of("publish_dropped", "dropped; "),
                                  counted(now, "retained_messages", "retained")}));
  all +=
      line("traffic",
           concat({rates.bytes_of("bytes_received", "in, "), rates.bytes_of("bytes_sent", "out")}));
  all += line("logins", concat({rates.text_of("connections", "connects; "),
                                counted(totals, "logins_failed", "failed and "),
                                counted(totals, "refused", "refused since the start")}));
  all += line("process", concat({bytes_text(number(now, "resident_bytes")), " of memory, ",
                                 std::to_string(number(now, "open_files")), " of ",
                                 counted(now, "open_files_max", "files")}));
  all += line("store", store_text(now));
  all += line("listeners", list_of(at(now, "listeners"), [](const Json& each) {
                return concat({text(each, "name"), is_true(each, "open") ? " (" : " (CLOSED, ",
                               std::to_string(number(each, "connections")), ")"});
              }));
  const std::string certificates = list_of(at(now, "certificates"), [](const Json& each) {
    const Json& days = at(each, "days");
    return concat({text(each, "port"), ": ",
                   std::to_string(days.is_number_integer() ? days.get<std::int64_t>() : 0),
                   " days"});
  });
  if (!certificates.empty()) all += line("certificates", certificates);
  const std::string bridges = list_of(at(now, "bridges"), [](const Json& each) {
    if (is_true(each, "connected")) return concat({text(each, "name"), ": connected"});
    return concat({text(each, "name"), ": AWAY, ", text(each, "last_error")});
  });
  if (!bridges.empty()) all += line("bridges", bridges);
  if (const Json& cluster = at(now, "cluster"); cluster.is_object()) {
    all += line("cluster", cluster_line(cluster));
  }
  return all;
}

}  // namespace ask
