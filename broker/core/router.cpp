#include "broker/core/router.h"

#include <algorithm>
#include <functional>

#include "broker/core/connection.h"

namespace broker {
namespace {

constexpr std::size_t kept_routes = 4096;          // a power of two
constexpr std::size_t kept_weight_max = 1 << 20;   // over all kept routes
constexpr std::size_t kept_topic_bytes_max = 512;  // longer topics are looked up each time

std::string_view first_level(std::string_view path) { return path.substr(0, path.find('/')); }

}  // namespace

Router::Router(const Limits& limits, SessionTable& sessions)
    : limits_(limits), sessions_(sessions), kept_(kept_routes) {}

std::size_t Router::bucket(std::string_view path) const noexcept {
  return std::hash<std::string_view>{}(first_level(path)) % generations_.size();
}

void Router::touch(std::string_view filter) noexcept {
  const std::string_view first = first_level(filter);
  if (first == "+" || first == "#") {
    ++everything_;
  } else {
    ++generations_[bucket(filter)];
  }
}

TopicTrie::Insertion Router::subscribe(std::string_view filter, const Subscriber& subscriber) {
  touch(filter);
  return trie_.insert(filter, subscriber);
}

std::optional<TopicTrie::FilterIndex> Router::unsubscribe(std::string_view filter,
                                                          const Subscriber& subscriber) {
  touch(filter);
  return trie_.erase(filter, subscriber);
}

void Router::unsubscribe(TopicTrie::FilterIndex filter, const Subscriber& subscriber) {
  touch(trie_.filter_text(filter));
  trie_.erase(filter, subscriber);
}

Route& Router::route(std::string_view topic) {
  if (last_ != nullptr && is_good(*last_, topic)) return last_->route;
  if (topic.size() > kept_topic_bytes_max) {
    build(topic, nullptr, long_route_);
    return long_route_;
  }
  const std::size_t hash = std::hash<std::string_view>{}(topic);
  std::unique_ptr<Kept>& slot = kept_[(hash ^ (hash >> 32U)) & (kept_routes - 1)];
  if (!slot) slot = std::make_unique<Kept>();
  Kept& kept = *slot;
  last_ = &kept;
  if (is_good(kept, topic)) return kept.route;
  kept_weight_ -= weight_of(kept.route);
  kept.topic.assign(topic);
  kept.bucket = bucket(topic);
  kept.everything = everything_;
  kept.bucket_generation = generations_[kept.bucket];
  build(topic, nullptr, kept.route);
  kept_weight_ += weight_of(kept.route);
  if (kept_weight_ <= kept_weight_max) return kept.route;
  // Too much is kept: start again with this route alone.
  std::unique_ptr<Kept> mine = std::move(slot);
  for (std::unique_ptr<Kept>& other : kept_) other.reset();
  slot = std::move(mine);
  kept_weight_ = weight_of(slot->route);
  return slot->route;
}

const Route& Router::route_to_publisher(std::string_view topic, const Session& publisher) {
  build(topic, &publisher, publisher_route_);
  return publisher_route_;
}

// [MQTT-3.3.2-3]
void Router::build(std::string_view topic, const Session* publisher, Route& route) {
  route.receivers.clear();
  route.ids.clear();
  route.groups.clear();
  route.denied.clear();
  route.links.clear();
  route.peers = {};
  route.peers_generation = 0;
  trie_.match(topic, [&](const Subscriber& subscriber) {
    if (publisher == nullptr) return add(route, subscriber, topic);
    const bool own = subscriber.kind == Subscriber::Kind::session &&
                     subscriber.index == static_cast<std::uint32_t>(publisher->index);
    if (own && !subscriber.no_local) add(route, subscriber, topic);
  });
  merge(route);
}

void Router::add(Route& route, const Subscriber& subscriber, std::string_view topic) {
  if (subscriber.kind == Subscriber::Kind::group) {
    route.groups.push_back(subscriber.index);
    return;
  }
  if (subscriber.kind == Subscriber::Kind::link) {
    return add_link(route, {PeerId{subscriber.index}, subscriber.qos});
  }
  Session& session = sessions_.at(SessionIndex{subscriber.index});
  if (!session.takes(topic)) return;
  if (session.permissions &&
      !session.permissions->allows(Access::receive, topic, identity_of(session))) {
    route.denied.push_back(&session);
    return;
  }
  const std::uint32_t id = subscriber.subscription_identifier;
  route.receivers.push_back({&session, static_cast<std::uint32_t>(route.ids.size()),
                             id == 0 ? 0U : 1U, subscriber.qos, subscriber.retain_as_published,
                             subscriber.no_local});
  if (id != 0) route.ids.push_back(id);
}

// Overlapping subscriptions of one link: one copy, with the highest QoS.
void Router::add_link(Route& route, const Route::Link& link) {
  const auto known = std::ranges::find(route.links, link.peer, &Route::Link::peer);
  if (known == route.links.end()) return route.links.push_back(link);
  known->qos = std::max(known->qos, link.qos);
}

void Router::merge(Route& route) {
  if (route.receivers.size() < 2) return;
  const auto by_session = [](const Receiver& a, const Receiver& b) {
    return a.session->index < b.session->index;
  };
  std::ranges::stable_sort(route.receivers, by_session);
  const bool duplicates = limits_.allow_duplicate_messages;
  const auto joins = [&](const Receiver& a, const Receiver& b) {
    return a.session == b.session && (!duplicates || a.session->version == mqtt::Version::v5_0);
  };
  if (std::ranges::adjacent_find(route.receivers, joins) == route.receivers.end()) return;

  std::vector<Receiver> merged;
  std::vector<std::uint32_t> ids;
  for (const Receiver& receiver : route.receivers) {
    if (merged.empty() || !joins(merged.back(), receiver)) {
      merged.push_back(receiver);
      merged.back().ids_begin = static_cast<std::uint32_t>(ids.size());
    } else {
      Receiver& into = merged.back();
      into.ids_count += receiver.ids_count;
      into.qos = std::max(into.qos, receiver.qos);
      into.retain_as_published = into.retain_as_published || receiver.retain_as_published;
      into.any_no_local = into.any_no_local || receiver.any_no_local;
    }
    const auto mine = route.ids_of(receiver);
    ids.insert(ids.end(), mine.begin(), mine.end());
  }
  route.receivers = std::move(merged);
  route.ids = std::move(ids);
}

}  // namespace broker
