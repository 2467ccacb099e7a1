#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/cluster/lasting.h"
#include "broker/cluster/ownership.h"
#include "test/sim/cluster_events.h"

namespace sim {

/// A message of a publisher, as a node has taken it: a repetition that was taken as new is another
/// copy, with another run or number.
struct Copy {
  cluster::MemberId run{};
  std::uint64_t number = 0;
  std::string publisher;
  std::uint64_t counter = 0;
  std::string topic;
  unsigned qos = 0;
};

/// What NATS keeps for the nodes, as far as they rely on it: a bucket with the last change of each
/// key, a stream of messages, a stream of acknowledgements. All that is here was replicated.
class JetStream {
 public:
  struct Change {
    cluster::Revision revision = 0;
    std::string key;
    std::string value;
  };

  /// Compare-and-set. Returns nothing if the key has another revision.
  std::optional<cluster::Revision> put(const std::string& key, std::string value,
                                       cluster::Revision expected) {
    const cluster::Revision current = latest_.contains(key) ? latest_[key] : 0;
    if (current != expected && (compares || key.front() == 'm')) return std::nullopt;
    changes_.push_back({changes_.size() + 1, key, std::move(value)});
    return latest_[key] = changes_.size();
  }
  /// As a replica has it that misses the last `late` changes.
  [[nodiscard]] std::optional<Change> get(const std::string& key, std::size_t late) const {
    for (std::size_t i = changes_.size() - std::min(late, changes_.size()); i > 0; --i) {
      if (changes_[i - 1].key == key) return changes_[i - 1];
    }
    return std::nullopt;
  }
  /// The changes above `from` that no later one has replaced, `most` at most.
  struct Shown {
    std::vector<Change> changes;
    cluster::Revision through = 0;
    bool nothing_pending = false;
  };
  [[nodiscard]] Shown show(cluster::Revision from, std::size_t most) const {
    Shown shown;
    shown.through = from;
    for (std::size_t i = from; i < changes_.size(); ++i) {
      if (latest_.at(changes_[i].key) != changes_[i].revision) continue;
      if (shown.changes.size() == most) return shown;
      shown.changes.push_back(changes_[i]);
      shown.through = changes_[i].revision;
    }
    shown.nothing_pending = true;
    return shown;
  }

  using Batch = std::vector<Copy>;
  /// Returns the batch's number; the same one for the same id.
  std::uint64_t append(cluster::MemberId member, std::uint64_t id, const Batch& batch) {
    const auto [known, is_new] = ids_.try_emplace({member, id}, batches_.size() + 1);
    if (is_new) batches_.push_back(batch);
    return known->second;
  }
  [[nodiscard]] const std::vector<Batch>& batches() const noexcept { return batches_; }

  struct Acks {
    cluster::MemberId member{};
    std::vector<cluster::StoredAck> acks;
  };
  std::uint64_t append_acks(Acks acks) {
    acks_.push_back(std::move(acks));
    return acks_.size();
  }
  [[nodiscard]] std::vector<cluster::StoredAck> acks(cluster::MemberId member, std::uint64_t from,
                                                     std::size_t late) const {
    std::vector<cluster::StoredAck> found;
    for (std::size_t i = from; i + late < acks_.size(); ++i) {
      if (acks_[i].member != member) continue;
      found.insert(found.end(), acks_[i].acks.begin(), acks_[i].acks.end());
    }
    return found;
  }

  bool has_quorum = true;
  bool compares = true;  // false: sessions are written without a comparison, to see the oracle fail

 private:
  std::vector<Change> changes_;
  std::map<std::string, cluster::Revision> latest_;
  std::vector<Batch> batches_;
  std::map<std::pair<cluster::MemberId, std::uint64_t>, std::uint64_t> ids_;
  std::vector<Acks> acks_;
};

}  // namespace sim
