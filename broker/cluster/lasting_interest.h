#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/cluster/session_record.h"
#include "broker/core/topic_trie.h"

namespace cluster {

/// The filters of all lasting sessions of the cluster: whether a message has to go into the stream.
///
/// Shape      Filters with the number of sessions that have each, and a trie of them.
/// Memory     The text of each session's filters, once for each filter: strings of one text are not
///            shared with the trie.
/// Cost       A record that changes: the filters that differ. A message: one match in the trie.
/// Threads    None.
class LastingInterest final {
 public:
  /// The session's record says this now; none of them: it has ended.
  void set(std::string_view client_id, const std::vector<SessionState::Subscription>& now);

  [[nodiscard]] bool wants(std::string_view topic) const;
  [[nodiscard]] std::size_t filters() const noexcept { return counts_.size(); }

 private:
  void add(const std::string& filter);
  void remove(const std::string& filter);

  std::unordered_map<std::string, std::vector<std::string>> sessions_;  // filters, sorted
  std::unordered_map<std::string, std::size_t> counts_;
  broker::TopicTrie trie_;
};

}  // namespace cluster
