// broker/client/aliases.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace client {

/// Topic aliases that the client gives (section 3.3.2.3.4): those of the topics used last.
///
/// Invariant  At most as many as begin() said; each keeps its topic. Aliases end with their
///            connection [MQTT-3.3.2-7].
/// Cost       One look into a hash map.
/// Threads    None.
class OutgoingAliases {
 public:
  struct Use {
    std::uint16_t alias = 0;  // 0: none
    bool known = false;       // the server knows it: the topic can be left out
  };

  /// A connection begins. `most`: 0 for no aliases at all.
  void begin(std::uint16_t most);
  /// The alias to send the topic with. One that is not known has to be sent with the topic.
  [[nodiscard]] Use use(std::string_view topic);

 private:
  struct Entry {
    std::string topic;
    std::uint16_t alias;
  };
  using Order = std::list<Entry>;

  Order order_;                                                     // used last first
  std::unordered_map<std::string_view, Order::iterator> by_topic_;  // views into the entries
  std::uint16_t most_ = 0;
};

/// Topic aliases that the server gives.
///
/// Invariant  At most as many as begin() said; each keeps its topic.
/// Threads    None.
class IncomingAliases {
 public:
  void begin(std::uint16_t most);
  /// Whether the server may give that alias [MQTT-3.3.2-9]. Not 0.
  [[nodiscard]] bool allows(std::uint16_t alias) const noexcept { return alias <= most_; }
  /// Requires  allows(alias).
  void set(std::uint16_t alias, std::string_view topic) {
    assert(alias != 0 && allows(alias));
    topics_[alias] = topic;
  }
  /// The topic; empty if the alias was never given. Good until the next set().
  [[nodiscard]] std::string_view find(std::uint16_t alias) const;

 private:
  std::unordered_map<std::uint16_t, std::string> topics_;
  std::uint16_t most_ = 0;
};

}  // namespace client
