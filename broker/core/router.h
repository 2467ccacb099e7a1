// broker/core/router.h
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/limits.h"
#include "broker/core/peer_id.h"
#include "broker/core/peer_set.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/core/topic_trie.h"

namespace broker {

/// One copy of a message for one session, before the message's own QoS and retain flag are known.
struct Receiver {
  Session* session = nullptr;
  std::uint32_t ids_begin = 0;  // into Route::ids
  std::uint32_t ids_count = 0;
  mqtt::Qos qos = mqtt::Qos::at_most_once;  // the highest of the matching subscriptions
  bool retain_as_published = false;
  bool any_no_local = false;  // a No Local subscription is among them: ask again for the publisher
};

/// The receivers of messages of one topic.
///
/// Lifetime   A reference is good until the router is asked again or a subscription changes.
struct Route {
  /// A link with a subscription that matches.
  struct Link {
    PeerId peer{0};
    mqtt::Qos qos = mqtt::Qos::at_most_once;  // of its subscription
  };
  std::vector<Receiver> receivers;
  std::vector<std::uint32_t> ids;      // subscription identifiers
  std::vector<std::uint32_t> groups;   // shared subscriptions at home on this shard
  std::vector<const Session*> denied;  // subscribers that may not read it, once for each filter
  std::vector<Link> links;             // peers that are no shards, each once
  PeerSet peers;                       // shards that may be interested; the shard fills it
  std::uint64_t peers_generation = 0;

  [[nodiscard]] std::span<const std::uint32_t> ids_of(const Receiver& receiver) const noexcept {
    return std::span(ids).subspan(receiver.ids_begin, receiver.ids_count);
  }
};

/// From topic to receivers, with the answers of the past kept.
///
/// Shape      A TopicTrie, and a table of routes indexed by a hash of the topic. A kept route is
///            good as long as no subscription changed with a filter that begins with the same
///            level, or with a wildcard: one generation count for each of 256 first-level buckets,
///            and one for everything.
/// Invariant  Overlapping subscriptions of one session: one copy with the highest QoS and every
///            identifier in 5.0 [MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4]; before 5.0 one copy
///            each, or one in all if allow_duplicate_messages is off.
/// Threads    None.
class Router {
 public:
  Router(const Limits& limits, SessionTable& sessions);

  /// Adds or replaces a subscription.
  TopicTrie::Insertion subscribe(std::string_view filter, const Subscriber& subscriber);
  /// Returns   Nothing if there was no such subscription.
  std::optional<TopicTrie::FilterIndex> unsubscribe(std::string_view filter,
                                                    const Subscriber& subscriber);
  void unsubscribe(TopicTrie::FilterIndex filter, const Subscriber& subscriber);
  /// Whether the subscriber of that index and kind has such a subscription.
  [[nodiscard]] bool has(std::string_view filter, const Subscriber& subscriber) const {
    return trie_.has(filter, subscriber);
  }
  [[nodiscard]] std::string filter_text(TopicTrie::FilterIndex filter) const {
    return trie_.filter_text(filter);
  }

  /// The terms of a session's subscription to a filter. Requires that there is one.
  [[nodiscard]] const Subscriber& terms_of(TopicTrie::FilterIndex filter,
                                           const Subscriber& subscriber) const {
    const Subscriber* const found = trie_.find(filter, subscriber);
    assert(found != nullptr);
    return *found;
  }

  /// The receivers of a topic.
  Route& route(std::string_view topic);
  /// The copies for `publisher` itself when No Local subscriptions of its own are left out
  /// [MQTT-3.8.3-3]. The reference is good until the next call.
  const Route& route_to_publisher(std::string_view topic, const Session& publisher);

  /// Forgets kept routes: something other than a subscription changed (permissions, version).
  void forget_routes() noexcept { ++everything_; }

  [[nodiscard]] std::size_t subscription_count() const noexcept { return trie_.size(); }

 private:
  struct Kept {
    std::string topic;
    std::size_t bucket = 0;  // of the topic
    std::uint64_t bucket_generation = 0;
    std::uint64_t everything = 0;
    Route route;
  };

  [[nodiscard]] bool is_good(const Kept& kept, std::string_view topic) const noexcept {
    return kept.everything == everything_ && kept.bucket_generation == generations_[kept.bucket] &&
           kept.topic == topic;
  }
  void touch(std::string_view filter) noexcept;
  [[nodiscard]] std::size_t bucket(std::string_view path) const noexcept;
  void build(std::string_view topic, const Session* publisher, Route& route);
  void add(Route& route, const Subscriber& subscriber, std::string_view topic);
  static void add_link(Route& route, const Route::Link& link);
  void merge(Route& route);

  const Limits& limits_;
  SessionTable& sessions_;
  TopicTrie trie_;
  std::array<std::uint64_t, 256> generations_{};
  std::uint64_t everything_ = 1;
  /// Memory that a kept route takes, in receivers or less.
  [[nodiscard]] static std::size_t weight_of(const Route& route) noexcept {
    return route.receivers.capacity() + route.ids.capacity() + route.groups.capacity() +
           route.denied.capacity() + route.links.capacity();
  }

  std::vector<std::unique_ptr<Kept>> kept_;
  Kept* last_ = nullptr;  // asked for last: a publisher's next message is often of the same topic
  std::size_t kept_weight_ = 0;
  Route publisher_route_;
  Route long_route_;  // of a topic too long to be kept
};

}  // namespace broker
