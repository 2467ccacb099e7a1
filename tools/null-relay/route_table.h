#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/wire/protocol.h"

namespace relay {

struct Peer;

/// A receiver of the messages of a topic.
struct Receiver {
  Peer* peer = nullptr;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
};

/// The subscriptions, and for each topic that was asked for the receivers found then.
///
/// Invariant  The found receivers are forgotten when a subscription comes or goes.
/// Lifetime   Peers are named, never touched; forget() one before it dies.
class RouteTable {
 public:
  /// Every subscription stands for itself: two of one peer that match give it two copies.
  void subscribe(Peer& peer, std::string_view filter, mqtt::Qos qos);
  void forget(const Peer& peer);

  /// Cost      One look-up for a topic that is known; all subscriptions for one that is not.
  /// Lifetime  Valid until subscribe() or forget().
  [[nodiscard]] const std::vector<Receiver>& receivers(std::string_view topic) {
    const auto known = routes_.find(topic);
    return known != routes_.end() ? known->second : find(topic);
  }

 private:
  struct Subscription {
    std::string filter;
    Receiver receiver;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };

  [[nodiscard]] const std::vector<Receiver>& find(std::string_view topic);

  std::vector<Subscription> subscriptions_;
  std::unordered_map<std::string, std::vector<Receiver>, Hash, std::equal_to<>> routes_;
};

}  // namespace relay
