#include "broker/server/cluster/cluster_json.h"

#include <nlohmann/json.hpp>
#include <string_view>

namespace server {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(cluster::MemberState membership) {
  switch (membership) {
    case cluster::MemberState::joining:
      return "joining";
    case cluster::MemberState::member:
      return "member";
    case cluster::MemberState::name_taken:
      break;
  }
  return "name taken";
}

std::string_view name_of(cluster::RemoteNodes::State state) {
  switch (state) {
    case cluster::RemoteNodes::State::live:
      return "live";
    case cluster::RemoteNodes::State::left:
      return "left";
    case cluster::RemoteNodes::State::unknown:
      break;
  }
  return "unknown";
}

Json node_json(const cluster::RemoteNodes::View& node) {
  return {{"name", node.name},
          {"state", name_of(node.state)},
          {"beat_age_milliseconds", node.beat_age_milliseconds},
          {"connections", node.figures.connections},
          {"sessions", node.figures.sessions},
          {"filters", node.filters},
          {"sent", node.figures.messages_sent},
          {"received", node.figures.messages_received},
          {"dropped", node.figures.messages_dropped}};
}

}  // namespace

Json cluster_json(const cluster::ClusterView& view, const ClusterFigures& figures) {
  Json nodes = Json::array();
  for (const auto& node : view.nodes) nodes.push_back(node_json(node));
  return {{"name", view.cluster},
          {"node", view.node},
          {"membership", name_of(view.membership)},
          {"connected", figures.is_connected},
          {"last_error", figures.last_error},
          {"reconnects", figures.reconnects},
          {"connections", view.figures.connections},
          {"sessions", view.figures.sessions},
          {"filters", view.announced},
          {"filters_of_others", figures.filters_of_others},
          {"sent", figures.sent},
          {"received", figures.received},
          {"dropped", figures.dropped_sent + figures.dropped_received},
          {"queued_bytes", figures.queued_bytes},
          {"nodes", std::move(nodes)}};
}

}  // namespace server
