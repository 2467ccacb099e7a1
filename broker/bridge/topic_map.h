#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/protocol.h"

namespace bridge {

/// The ways of a message over a bridge, seen from this broker.
enum class Direction : std::uint8_t { out, in, both };

/// Topics that cross a bridge, and the change of their names on the way.
///
/// Invariant  Both prefixes with the pattern behind them are well-formed topic filters. An empty
///            pattern has two prefixes: they are a topic here and one there.
struct Mapping {
  std::string pattern;
  Direction direction = Direction::out;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  std::string local_prefix{};
  std::string remote_prefix{};
};

/// A subscription of a bridge.
struct Filter {
  std::string text;
  mqtt::Qos qos = mqtt::Qos::at_most_once;

  bool operator==(const Filter&) const = default;
};

/// A message of a shared subscription has a topic of the filter behind the share name.
[[nodiscard]] std::string without_share(const std::string& filter);

/// The topics that cross a bridge, and their names at the other end.
///
/// Shape      One list of mappings. Of those that match a topic the first that changes names holds;
///            where there is none, one that does not. The prefix of one end is cut off, and the
///            other end's put in its place:
///
///              topic # both 1 local/ remote/      local/a  ◀──▶  remote/a
///              topic "" out 0 here there          here      ──▶  there
/// Invariant  Each filter is in local_filters() once, with the highest QoS of its mappings; so it
/// is
///            in remote_filters().
/// Threads    None.
/// Cost       A comparison for each mapping: bridges have a few.
/// Source     mosquitto.conf(5), "topic". Other than there, a message that matches no mapping does
///            not cross: it belongs to a subscription of an earlier configuration.
class TopicMap final {
 public:
  explicit TopicMap(const std::vector<Mapping>& mappings);

  /// Filters of the bridge's subscriptions at this broker: mappings out and both.
  [[nodiscard]] const std::vector<Filter>& local_filters() const noexcept { return local_; }
  /// The same at the other broker: mappings in and both. May be "$share/NAME/...".
  [[nodiscard]] const std::vector<Filter>& remote_filters() const noexcept { return remote_; }
  /// Filters at the other broker that only go out: an earlier configuration may have subscribed to
  /// them.
  [[nodiscard]] const std::vector<std::string>& remote_leftovers() const noexcept {
    return leftovers_;
  }

  /// The name at the other broker of a topic of this one, or the reverse, in `name`.
  ///
  /// Returns   False if the message does not cross, also if its name there were empty.
  [[nodiscard]] bool to_remote(std::string_view topic, std::string& name) const;
  [[nodiscard]] bool to_local(std::string_view topic, std::string& name) const;

 private:
  struct Rule {
    std::string filter;  // at the end where the message comes from, without "$share/NAME/"
    std::string cut;     // in front of the topic
    std::string put;     // in its place
    [[nodiscard]] bool renames() const noexcept { return !cut.empty() || !put.empty(); }
  };

  static bool map(const std::vector<Rule>& rules, std::string_view topic, std::string& name);

  std::vector<Filter> local_;
  std::vector<Filter> remote_;
  std::vector<std::string> leftovers_;
  std::vector<Rule> out_;  // those that rename first
  std::vector<Rule> in_;
};

}  // namespace bridge
