#include "broker/server/bridge_set.h"

#include <algorithm>
#include <array>
#include <sys/random.h>
#include <unistd.h>
#include <utility>

#include "broker/server/translate_bridge.h"
#include "transport/bridge/bridge_ports.h"
#include "transport/loop.h"

namespace server {
namespace {

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

}  // namespace

std::expected<BridgeSet::Prepared, std::string> BridgeSet::prepare(const conf::Settings& settings,
                                                                   std::uint16_t listener) {
  Prepared prepared;
  std::string errors;
  const std::string host = settings.bridges.empty() ? "" : host_name();
  for (const conf::BridgeSettings& each : settings.bridges) {
    auto plan = bridge_plan_of(each, {.host_name = host,
                                      .listener = listener,
                                      .receive_maximum = settings.receive_maximum,
                                      .retain_available = settings.retain_available,
                                      .seed = chance()});
    if (plan) {
      prepared.settings.push_back(each);
      prepared.plans.push_back(std::move(*plan));
    } else {
      errors += (errors.empty() ? "" : "\n") + plan.error();
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return prepared;
}

void BridgeSet::put(transport::BridgePlan plan, transport::Loops& loops) {
  const broker::ShardIndex home =
      loops.shard(broker::ShardIndex{0}).home_of(plan.options.local_client_id);
  loops.post_loop(home, [this, plan = std::move(plan)](transport::Loop& loop) mutable {
    transport::BridgePorts::of(loop, board_).put(std::move(plan));
  });
}

void BridgeSet::remove(const std::string& name, const Running& running, transport::Loops& loops) {
  const broker::ShardIndex home =
      loops.shard(broker::ShardIndex{0}).home_of(running.local_client_id);
  loops.post_loop(home, [this, name](transport::Loop& loop) {
    transport::BridgePorts::of(loop, board_).remove(name);
  });
}

BridgeChanges BridgeSet::change(Prepared next, transport::Loops& loops) {
  BridgeChanges changes;
  std::erase_if(running_, [&](const auto& each) {
    const bool stays = std::ranges::any_of(
        next.settings, [&](const auto& settings) { return settings.name == each.first; });
    if (stays) return false;
    remove(each.first, each.second, loops);
    changes.removed.push_back(each.first);
    return true;
  });
  for (std::size_t i = 0; i < next.settings.size(); ++i) {
    conf::BridgeSettings& settings = next.settings[i];
    transport::BridgePlan& plan = next.plans[i];
    const std::string local_client_id = plan.options.local_client_id;
    const auto known = running_.find(settings.name);
    if (known == running_.end()) {
      changes.added.push_back(settings.name);
      put(std::move(plan), loops);
    } else if (known->second.settings != settings) {
      changes.changed.push_back(settings.name);
      // Another client id is another session, at home elsewhere.
      if (known->second.local_client_id != local_client_id) {
        remove(settings.name, known->second, loops);
      }
      put(std::move(plan), loops);
    } else {
      const broker::ShardIndex home = loops.shard(broker::ShardIndex{0}).home_of(local_client_id);
      loops.post_loop(home, [this, plan = std::move(plan)](transport::Loop& loop) mutable {
        transport::BridgePorts::of(loop, board_)
            .renew_links(plan.options.name, std::move(plan.links));
      });
    }
    Running& running = running_[settings.name];
    running.settings = std::move(settings);
    running.local_client_id = local_client_id;
  }
  return changes;
}

}  // namespace server
