// The subscription trie and the retained tree against an oracle that compares every filter with
// every topic. Each opcode is one byte; filters and topics are made of few short levels, so that
// they meet.

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "broker/core/topic_trie.h"
#include "broker/wire/topic.h"
#include "test/fuzz/input.h"

namespace {

using broker::Subscriber;
using broker::TopicTrie;
using fuzz::require;

constexpr std::string_view levels[] = {"a", "b", "", "$SYS", "long level", "c", "+", "aa"};

/// The specification's rule, level by level and without any cleverness (section 4.7).
bool oracle_matches(std::string_view filter, std::string_view topic) {
  const bool wild = filter.starts_with('+') || filter.starts_with('#');
  if (wild && topic.starts_with('$')) return false;
  mqtt::LevelCursor filters(filter);
  mqtt::LevelCursor topics(topic);
  while (filters.next()) {
    if (filters.level() == "#") return true;
    if (!topics.next()) return false;
    if (filters.level() != "+" && filters.level() != topics.level()) return false;
  }
  return !topics.next();
}

/// Equal where the trie thinks so: of two, the later replaces the earlier.
using Name = std::pair<std::uint32_t, Subscriber::Kind>;
Name name_of(const Subscriber& subscriber) { return {subscriber.index, subscriber.kind}; }

class Story {
 public:
  explicit Story(fuzz::Input input) : input_(input) {}

  void run() {
    while (!input_.empty()) step();
    check_all();
    // Memory follows what lives.
    for (const auto& [filter, all] : std::exchange(stored_, {})) {
      for (const auto& [name, subscriber] : all) trie_.erase(filter, subscriber);
    }
    require(trie_.size() == 0 && trie_.nodes() == 1, "an empty trie is its root alone");
  }

 private:
  using Stored = std::map<std::string, std::map<Name, Subscriber>>;

  void step() {
    switch (input_.below(8)) {
      case 0:
      case 1:
      case 2:
        return insert();
      case 3:
        return erase();
      case 4:
        return erase_by_index();
      case 5:
        return look_up();
      case 6:
        return match(path(false));
      default:
        return crowd();
    }
  }

  std::string path(bool filter) {
    std::string text;
    const std::size_t count = 1 + input_.below(4);
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view level = input_.pick(levels);
      if (level == "+" && !filter) level = "d";
      text += (i == 0 ? "" : "/") + std::string(level);
    }
    if (filter && input_.below(4) == 0) text += "/#";
    if (filter && input_.below(16) == 0) text = "#";
    return text.empty() ? "/" : text;
  }

  Subscriber subscriber() {
    Subscriber made;
    const unsigned bits = input_.byte();
    made.index = bits & 7U;
    made.kind = (bits & 8U) != 0 ? Subscriber::Kind::group : Subscriber::Kind::session;
    made.qos = static_cast<mqtt::Qos>((bits >> 4U) % 3U);
    made.no_local = (bits & 64U) != 0;
    made.retain_as_published = (bits & 128U) != 0;
    made.subscription_identifier = ++made_;
    return made;
  }

  void insert() { insert(path(true), subscriber()); }
  void insert(const std::string& filter, const Subscriber& subscriber) {
    auto& all = stored_[filter];
    const bool fresh = all.insert_or_assign(name_of(subscriber), subscriber).second;
    const TopicTrie::Insertion done = trie_.insert(filter, subscriber);
    require((done.stored == TopicTrie::Stored::fresh) == fresh, "fresh, or replaced");
    require(trie_.filter_text(done.filter) == filter, "an index names its filter");
    indices_[filter] = done.filter;
    check_size();
  }

  bool forget(const std::string& filter, const Subscriber& subscriber) {
    const auto all = stored_.find(filter);
    if (all == stored_.end() || all->second.erase(name_of(subscriber)) == 0) return false;
    if (all->second.empty()) {
      stored_.erase(all);
      indices_.erase(filter);
    }
    return true;
  }

  void erase() {
    const std::string filter = path(true);
    const Subscriber gone = subscriber();
    const bool known = forget(filter, gone);
    require(trie_.erase(filter, gone).has_value() == known, "only what is there is erased");
    check_size();
  }

  void erase_by_index() {
    if (stored_.empty()) return;
    auto place = stored_.begin();
    std::advance(place, input_.below(stored_.size()));
    const std::string filter = place->first;
    const Subscriber gone = place->second.begin()->second;
    const TopicTrie::FilterIndex index = indices_.at(filter);
    forget(filter, gone);
    trie_.erase(index, gone);
    check_size();
  }

  void look_up() {
    const Subscriber wanted = subscriber();
    for (const auto& [filter, all] : stored_) {
      const Subscriber* const found = trie_.find(indices_.at(filter), wanted);
      const auto known = all.find(name_of(wanted));
      require((found != nullptr) == (known != all.end()), "a subscriber is found where it is");
      if (found != nullptr) require(same(*found, known->second), "with its options");
    }
  }

  /// Many subscribers of one filter: the list gets an index.
  void crowd() {
    const std::string filter = path(true);
    const std::size_t count = input_.below(40);
    for (std::uint32_t i = 0; i < count; ++i) {
      Subscriber one = subscriber();
      one.index = 100 + i;
      insert(filter, one);
    }
  }

  static bool same(const Subscriber& left, const Subscriber& right) {
    return left.same_as(right) && left.subscription_identifier == right.subscription_identifier &&
           left.qos == right.qos && left.no_local == right.no_local &&
           left.retain_as_published == right.retain_as_published;
  }

  void match(const std::string& topic) {
    std::multiset<std::uint32_t> expected;
    for (const auto& [filter, all] : stored_) {
      require(mqtt::matches(filter, topic) == oracle_matches(filter, topic), "matches()");
      if (!oracle_matches(filter, topic)) continue;
      for (const auto& [name, one] : all) expected.insert(one.subscription_identifier);
    }
    std::multiset<std::uint32_t> found;
    trie_.match(topic, [&](const Subscriber& one) { found.insert(one.subscription_identifier); });
    require(found == expected, "the trie finds what the oracle finds");
  }

  void check_size() {
    std::size_t pairs = 0;
    std::size_t nodes_max = 1;
    for (const auto& [filter, all] : stored_) {
      pairs += all.size();
      nodes_max += 1 + static_cast<std::size_t>(std::ranges::count(filter, '/'));
    }
    require(trie_.size() == pairs, "size() counts pairs");
    require(trie_.nodes() <= nodes_max, "no node without a filter below it");
  }

  void check_all() {
    for (const std::string_view first : {"a", "b", "", "$SYS", "d", "aa", "nobody's"}) {
      match(first.empty() ? "/" : std::string(first));
      for (const std::string_view second : {"a", "", "d"}) {
        match(std::string(first) + "/" + std::string(second));
      }
    }
  }

  fuzz::Input input_;
  TopicTrie trie_;
  Stored stored_;
  std::map<std::string, TopicTrie::FilterIndex> indices_;
  std::uint32_t made_ = 0;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Story({data, size}).run();
  return 0;
}
