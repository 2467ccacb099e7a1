#include "broker/server/ask/cluster.h"

#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/server/ask/table.h"
#include "broker/server/ask/values.h"

namespace ask {
namespace {

using broker::concat;
using Json = nlohmann::ordered_json;

void add_node(Table& table, const Json& node, std::string name, std::string state) {
  std::vector<std::string> cells{std::move(name), std::move(state)};
  for (const char* figure : {"connections", "sessions", "filters", "sent", "received", "dropped"}) {
    cells.push_back(std::to_string(number(node, figure)));
  }
  table.add(std::move(cells));
}

}  // namespace

std::string cluster_text(const Json& cluster) {
  std::size_t live = 1;
  Table table{"NODE", "STATE", "CONNECTIONS", "SESSIONS", "FILTERS", "SENT", "RECEIVED", "DROPPED"};
  add_node(table, cluster, concat({text(cluster, "node"), " (this one)"}),
           text(cluster, "membership"));
  for (const Json& node : at(cluster, "nodes")) {
    const std::string state = text(node, "state");
    if (state == "live") ++live;
    add_node(table, node, text(node, "name"), state);
  }
  std::string head = concat({"cluster ", text(cluster, "name"), ", ", std::to_string(live),
                             live == 1 ? " node; " : " nodes; "});
  if (is_true(cluster, "connected")) {
    head += concat({"NATS is reached, ", std::to_string(number(cluster, "queued_bytes")),
                    " bytes wait for it\n"});
  } else {
    head += concat({"NATS IS NOT REACHED: ", text(cluster, "last_error"), "\n"});
  }
  return head + table.print();
}

}  // namespace ask
