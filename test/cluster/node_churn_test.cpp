#include <algorithm>
#include <catch2/catch.hpp>
#include <list>
#include <set>
#include <string>
#include <vector>

#include "broker/cluster/node.h"
#include "broker/cluster/subject.h"
#include "test/cluster/bucket_model.h"

using broker::Instant;
using cluster::MemberState;
using test::below;
using test::NodeHost;

namespace {

/// A cluster in which anything may happen: nodes die, start, leave and stop for a while, links are
/// cut, watches are lost, the bucket loses its quorum or all that it has, filters come and go.
class Churn {
 public:
  explicit Churn(unsigned seed) : random_(seed) {}

  void play(int steps) {
    for (; steps > 0; --steps) {
      something_happens();
      advance(20 + static_cast<std::int64_t>(below(random_, 200)), 1 + below(random_, 100));
    }
  }
  /// All is well again, for long.
  void heal() {
    bucket_.has_quorum = true;
    stalled_.clear();
    for (NodeHost& host : hosts_) {
      host.connect(now_);
      // A bucket that was lost was told to those that were up by a new watch.
      host.read_again(now_);
    }
    for (int i = 0; i < 800; ++i) advance(50, 90);
  }
  /// What has to hold in the end.
  void check() {
    std::set<std::string> members;
    for (NodeHost& host : hosts_) {
      if (!is_member(host)) continue;
      INFO("two members " << host.options().node);
      CHECK(members.insert(host.options().node).second);
    }
    for (NodeHost& host : hosts_) {
      CAPTURE(host.options().node);
      CHECK(members.contains(host.options().node));
      check_filters(host);
    }
    if (members.empty()) return;  // nobody deletes the records of the last ones
    std::set<std::string> keys;
    for (const std::string& name : members) {
      keys.insert(name + ".alive");
      keys.insert(name + ".filters");
    }
    std::set<std::string> found;
    for (const auto& [key, value] : bucket_.records) found.insert(key);
    CHECK(found == keys);
  }

 private:
  static bool is_member(NodeHost& host) {
    return host.node().view().membership == MemberState::member;
  }
  static std::set<std::string> announced(NodeHost& host) {
    cluster::AnnouncedFilters filters(host.options().limits);
    for (const std::string& filter : host.filters()) filters.add(filter);
    filters.update();
    return {filters.announced().begin(), filters.announced().end()};
  }
  void check_filters(NodeHost& host) {
    std::set<std::string> expected;
    for (NodeHost& other : hosts_) {
      if (other.options().node == host.options().node || !is_member(other)) continue;
      for (const std::string& filter : announced(other)) expected.insert(filter);
    }
    CHECK(host.remote_filters() == expected);
    std::set<std::string> subjects;
    for (const std::string& filter : announced(host)) {
      for (auto& subject : cluster::subjects_of_filter("darter.c", filter)) {
        subjects.insert(subject);
      }
      if (cluster::may_match_long_topics(filter)) subjects.insert("darter.c.l");
    }
    CHECK(host.subjects() == subjects);
  }

  void something_happens() {
    switch (below(random_, 16)) {
      case 0:
        return start();
      case 1:
        return end();
      case 2:
        if (NodeHost* const host = any()) host->disconnect(now_);
        return;
      case 3:
      case 4:
        if (NodeHost* const host = any()) host->connect(now_);
        return;
      case 5:
        if (NodeHost* const host = any()) host->read_again(now_);
        return;
      case 6:
        bucket_.has_quorum = below(random_, 3) > 0;
        return;
      case 7:
        return stall_or_go_on();
      case 8:
        if (below(random_, 8) == 0) return lose_bucket();
        return advance(static_cast<std::int64_t>(below(random_, 12'000)), 100);
      default:
        return change_filters();
    }
  }
  void start() {
    if (hosts_.size() == 5) return;
    // Now and then with the name of one that runs.
    const std::string name(1, static_cast<char>('a' + below(random_, 4)));
    hosts_.emplace_back(
        bucket_, cluster::Node::Options{.cluster = "c",
                                        .node = name,
                                        .incarnation = cluster::incarnation_of(
                                            (below(random_, 1000) * 1000 + ++runs_) << 16U)});
    if (below(random_, 4) > 0) hosts_.back().connect(now_);
  }
  void end() {
    NodeHost* const host = any();
    if (host == nullptr) return;
    if (below(random_, 3) == 0 && host->is_up() && bucket_.has_quorum) host->leave(now_);
    stalled_.erase(host);
    std::erase_if(hosts_, [host](const NodeHost& each) { return &each == host; });
  }
  void stall_or_go_on() {
    NodeHost* const host = any();
    if (host == nullptr) return;
    if (stalled_.erase(host) == 0) stalled_.insert(host);
  }
  void lose_bucket() {
    for (NodeHost& host : hosts_) host.disconnect(now_);
    bucket_.lose();
    for (NodeHost& host : hosts_) {
      if (below(random_, 4) > 0) host.connect(now_);
    }
  }
  void change_filters() {
    NodeHost* const host = any();
    if (host == nullptr) return;
    for (std::size_t count = below(random_, 20); count > 0; --count) {
      if (!host->filters().empty() && below(random_, 2) == 0) {
        host->remove(below(random_, host->filters().size()));
      } else {
        static const std::vector<std::string> filters = {"a",    "a/#", "a/+", "b/+/c", "#",
                                                         "$x/y", "+/#", "/",   "b",     "c/d/#"};
        host->add(filters[below(random_, filters.size())]);
      }
    }
  }
  NodeHost* any() {
    if (hosts_.empty()) return nullptr;
    return &*std::next(hosts_.begin(), static_cast<std::ptrdiff_t>(below(random_, hosts_.size())));
  }
  void advance(std::int64_t milliseconds, std::size_t speed) {
    for (; milliseconds > 0; milliseconds -= 100) {
      now_ = broker::after_milliseconds(now_, std::min<std::int64_t>(milliseconds, 100));
      for (NodeHost& host : hosts_) {
        if (!stalled_.contains(&host)) host.step(now_, random_, speed);
      }
    }
  }

  test::Random random_;
  test::Bucket bucket_;
  std::list<NodeHost> hosts_;
  std::set<const NodeHost*> stalled_;
  std::uint64_t runs_ = 0;
  Instant now_{5'000'000};
};

}  // namespace

TEST_CASE("when all is quiet each node knows what the others want, whatever happened before",
          "[cluster]") {
  const unsigned seed = GENERATE(range(1U, 1001U));
  CAPTURE(seed);
  Churn churn(seed);
  churn.play(150);
  churn.heal();
  churn.check();
}
