#include "tools/null-relay/route_table.h"

#include "broker/wire/topic.h"

namespace relay {

void RouteTable::subscribe(Peer& peer, std::string_view filter, mqtt::Qos qos) {
  subscriptions_.push_back({std::string(filter), {&peer, qos}});
  routes_.clear();
}

void RouteTable::forget(const Peer& peer) {
  const auto removed = std::erase_if(subscriptions_, [&](const Subscription& subscription) {
    return subscription.receiver.peer == &peer;
  });
  if (removed > 0) routes_.clear();
}

const std::vector<Receiver>& RouteTable::find(std::string_view topic) {
  std::vector<Receiver>& found = routes_[std::string(topic)];
  for (const Subscription& subscription : subscriptions_) {
    if (mqtt::matches(subscription.filter, topic)) found.push_back(subscription.receiver);
  }
  return found;
}

}  // namespace relay
