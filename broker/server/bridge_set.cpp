#include "broker/server/bridge_set.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <sys/random.h>
#include <unistd.h>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/translate_bridge.h"
#include "transport/bridge/bridge_ports.h"
#include "transport/loop.h"

namespace server {
namespace {

using broker::concat;

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

/// Of the jitter of a bridge.
std::uint64_t chance() {
  std::uint64_t value = 0;
  // Without it bridges only come back in step.
  const bool drawn = ::getrandom(&value, sizeof value, 0) == ssize_t{sizeof value};
  return drawn ? value : 0;
}

std::vector<std::string> warnings_of(const conf::BridgeSettings& settings,
                                     const std::vector<transport::BridgePlan>& plans) {
  std::vector<std::string> warnings;
  const auto idle = std::ranges::count_if(
      plans, [](const transport::BridgePlan& plan) { return plan.options.mappings.empty(); });
  if (idle > 0) {
    warnings.push_back(
        concat({std::to_string(idle), " of its ", std::to_string(settings.connections),
                " connections have no topics; those of one line that goes both ways "
                "or in cross by one connection"}));
  }
  return warnings;
}

std::vector<std::string> local_client_ids_of(const std::vector<transport::BridgePlan>& plans) {
  std::vector<std::string> ids;
  ids.reserve(plans.size());
  for (const transport::BridgePlan& plan : plans) ids.push_back(plan.options.local_client_id);
  return ids;
}

void add(transport::BridgeFigures& sum, const transport::BridgeFigures& one) {
  sum.sent += one.sent;
  sum.received += one.received;
  sum.dropped += one.dropped;
  sum.queued += one.queued;
  sum.reconnects += one.reconnects;
  if (!one.last_error.empty()) sum.last_error = one.last_error;
}

}  // namespace

void BridgeSet::keep_shares(conf::BridgeSettings& settings,
                            std::vector<std::string>& need_restart) const {
  const auto known = running_.find(settings.name);
  if (known == running_.end()) return;
  const conf::BridgeSettings& old = known->second.settings;
  if (old.connections == 1 && settings.connections == 1) return;
  if (old.connections != settings.connections) {
    need_restart.push_back(
        concat({"bridge ", settings.name, ": bridge_connections: ", std::to_string(old.connections),
                " -> ", std::to_string(settings.connections)}));
    settings.connections = old.connections;
  }
  if (old.connections > 1 && old.topics != settings.topics) {
    need_restart.push_back(
        concat({"bridge ", settings.name, ": its topics, for it has several connections"}));
    settings.topics = old.topics;
  }
}

std::expected<BridgeSet::Prepared, std::string> BridgeSet::prepare(const conf::Settings& settings,
                                                                   std::uint16_t listener) const {
  Prepared prepared;
  std::string errors;
  const auto refuse = [&errors](std::string_view error) {
    errors += concat({errors.empty() ? "" : "\n", error});
  };
  std::map<std::string, std::string> owners;  // of local client ids: names of bridges
  const std::string host = settings.bridges.empty() ? "" : host_name();
  for (conf::BridgeSettings each : settings.bridges) {
    keep_shares(each, prepared.need_restart);
    auto plans = bridge_plans_of(each, {.host_name = host,
                                        .listener = listener,
                                        .receive_maximum = settings.receive_maximum,
                                        .retain_available = settings.retain_available,
                                        .seed = chance()});
    if (!plans) {
      refuse(plans.error());
      continue;
    }
    for (const transport::BridgePlan& plan : *plans) {
      const std::string& id = plan.options.local_client_id;
      const auto [owner, first] = owners.emplace(id, each.name);
      if (first) continue;
      refuse(
          concat({"Bridges ", owner->second, " and ", each.name, " have the same client id here, ",
                  id, "; local_clientid gives one of them another."}));
    }
    for (const std::string& warning : warnings_of(each, *plans)) {
      prepared.warnings.push_back(concat({"Bridge ", each.name, ": ", warning, "."}));
    }
    prepared.bridges.push_back({std::move(each), std::move(*plans)});
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return prepared;
}

broker::TopicShares BridgeSet::Prepared::shares() const {
  broker::TopicShares shares;
  for (const PreparedBridge& bridge : bridges) {
    for (const transport::BridgePlan& plan : bridge.plans) {
      if (plan.share != nullptr) shares.emplace(plan.options.local_client_id, plan.share);
    }
  }
  return shares;
}

void BridgeSet::put(transport::BridgePlan plan, transport::Loops& loops) {
  const broker::ShardIndex home =
      loops.shard(broker::ShardIndex{0}).home_of(plan.options.local_client_id);
  loops.post_loop(home, [this, plan = std::move(plan)](transport::Loop& loop) mutable {
    transport::BridgePorts::of(loop, board_).put(std::move(plan));
  });
}

void BridgeSet::renew_links(transport::BridgePlan plan, transport::Loops& loops) {
  const broker::ShardIndex home =
      loops.shard(broker::ShardIndex{0}).home_of(plan.options.local_client_id);
  loops.post_loop(home, [this, plan = std::move(plan)](transport::Loop& loop) mutable {
    transport::BridgePorts::of(loop, board_)
        .renew_links(plan.options.local_client_id, std::move(plan.links));
  });
}

void BridgeSet::remove(const std::string& local_client_id, transport::Loops& loops) {
  const broker::ShardIndex home = loops.shard(broker::ShardIndex{0}).home_of(local_client_id);
  loops.post_loop(home, [this, local_client_id](transport::Loop& loop) {
    transport::BridgePorts::of(loop, board_).remove(local_client_id);
  });
}

BridgeChanges BridgeSet::change(Prepared next, transport::Loops& loops) {
  BridgeChanges changes;
  std::erase_if(running_, [&](const auto& each) {
    const bool stays = std::ranges::any_of(next.bridges, [&](const PreparedBridge& bridge) {
      return bridge.settings.name == each.first;
    });
    if (stays) return false;
    for (const std::string& id : each.second.local_client_ids) remove(id, loops);
    changes.removed.push_back(each.first);
    return true;
  });
  for (PreparedBridge& bridge : next.bridges) {
    const std::vector<std::string> ids = local_client_ids_of(bridge.plans);
    const auto known = running_.find(bridge.settings.name);
    const bool is_same = known != running_.end() && known->second.settings == bridge.settings;
    if (known == running_.end()) {
      changes.added.push_back(bridge.settings.name);
    } else if (!is_same) {
      changes.changed.push_back(bridge.settings.name);
      // Another client id is another session, at home elsewhere.
      for (const std::string& id : known->second.local_client_ids) {
        if (std::ranges::find(ids, id) == ids.end()) remove(id, loops);
      }
    }
    for (transport::BridgePlan& plan : bridge.plans) {
      if (is_same) {
        renew_links(std::move(plan), loops);
      } else {
        put(std::move(plan), loops);
      }
    }
    Running& running = running_[bridge.settings.name];
    running.settings = std::move(bridge.settings);
    running.local_client_ids = ids;
  }
  return changes;
}

std::map<std::string, transport::BridgeFigures> BridgeSet::figures() const {
  const auto by_id = board_.all();
  std::map<std::string, transport::BridgeFigures> all;
  for (const auto& [name, running] : running_) {
    transport::BridgeFigures sum;
    std::size_t connected = 0;
    for (const std::string& id : running.local_client_ids) {
      const auto found = by_id.find(id);
      if (found == by_id.end()) continue;  // its loop has not told any yet
      connected += found->second.is_connected ? 1 : 0;
      add(sum, found->second);
    }
    sum.is_connected = connected == running.local_client_ids.size();
    all.emplace(name, std::move(sum));
  }
  return all;
}

}  // namespace server
