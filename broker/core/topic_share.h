// broker/core/topic_share.h
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace broker {

/// The topics that a session takes, of those that its subscriptions match: several sessions with
/// the same subscriptions then have each message once between them.
///
/// Lifetime   Immutable. A session keeps a pointer to it: see SessionTable::share_topics().
/// Threads    Any: every member is const and touches no mutable state.
class TopicShare {
 public:
  TopicShare() = default;
  virtual ~TopicShare() = default;
  TopicShare(const TopicShare&) = delete;
  TopicShare& operator=(const TopicShare&) = delete;

  /// Whether a message of that topic is for the session. The answer for a topic never changes.
  [[nodiscard]] virtual bool takes(std::string_view topic) const = 0;
};

/// The shares of sessions, by client id. A session that is not named takes every topic.
using TopicShares = std::map<std::string, std::shared_ptr<const TopicShare>, std::less<>>;

}  // namespace broker
