#include "transport/bridge/bridge_ports.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "transport/loop.h"

namespace transport {

BridgePorts& BridgePorts::of(Loop& loop, BridgeBoard& board) {
  if (loop.resident() == nullptr) loop.resident() = std::make_unique<BridgePorts>(loop, board);
  return static_cast<BridgePorts&>(*loop.resident());
}

BridgePort* BridgePorts::find(std::string_view id) noexcept {
  const auto found = std::ranges::find_if(
      ports_, [&](const auto& each) { return each->id() == id && !each->is_leaving(); });
  return found == ports_.end() ? nullptr : found->get();
}

void BridgePorts::put(BridgePlan plan) {
  if (stopped_) return;
  if (BridgePort* const port = find(plan.options.local_client_id))
    return port->replace(std::move(plan));
  ports_.push_back(std::make_unique<BridgePort>(loop_, std::move(plan), due_));
  ports_.back()->start();
}

void BridgePorts::renew_links(const std::string& id, std::vector<LinkOptions> links) {
  if (BridgePort* const port = find(id)) port->renew_links(std::move(links));
}

void BridgePorts::remove(const std::string& id) {
  if (BridgePort* const port = find(id); port != nullptr && !stopped_) port->leave();
}

bool BridgePorts::work() {
  if (!std::exchange(due_, false)) return false;
  bool busy = false;
  for (const auto& port : ports_) busy = port->work() || busy;
  std::erase_if(ports_, [this](const auto& port) {
    if (port->has_left()) board_.remove(port->id());
    return port->has_left();
  });
  return busy;
}

void BridgePorts::tick() {
  for (const auto& port : ports_) {
    port->tick();
    board_.put(port->id(), port->figures());
  }
}

void BridgePorts::stop() {
  stopped_ = true;
  for (const auto& port : ports_) port->stop();
}

bool BridgePorts::has_ended() const {
  return std::ranges::all_of(ports_, [](const auto& port) { return port->is_quiet(); });
}

}  // namespace transport
