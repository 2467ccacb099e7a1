#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/journal.h"
#include "broker/shard.h"

namespace test {

/// A store without a disk: applies batches as the database does.
class MemoryStore {
 public:
  void apply(const broker::JournalBatch& batch);
  /// Gives everything back to the shards of a new broker.
  void load(const std::vector<broker::Shard*>& shards, broker::Instant now);

  [[nodiscard]] std::size_t messages() const { return messages_.size(); }
  [[nodiscard]] std::size_t deliveries() const { return deliveries_.size(); }
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
  [[nodiscard]] std::size_t retained() const { return retained_.size(); }
  /// Messages on their way between shards.
  [[nodiscard]] std::size_t forwards() const { return forwards_.size(); }
  /// Every row that was ever written.
  [[nodiscard]] std::size_t written() const { return written_; }
  /// Rows that refer to a row that is not there, and messages that nobody refers to.
  [[nodiscard]] std::vector<std::string> faults() const;

 private:
  using Batch = broker::JournalBatch;

  struct Message {
    Batch::Message row;
    std::string topic, properties, payload;
    int holders = 0;
  };
  struct Session {
    Batch::Session row;
    std::string client_id, user_name, mount_point;
    std::string will_topic, will_properties, will_payload;
    std::set<mqtt::PacketId> incoming;
  };
  struct Subscription {
    Batch::Subscription row;
  };
  struct Delivery {
    Batch::Delivery row;
    std::string ids, share_name, share_filter;
  };
  struct Retained {
    Batch::Retained row;
    std::string client_id, user_name;
  };
  struct Forward {
    Batch::Forward row;
    std::string share_name, share_filter, client_id, user_name;
  };
  using SubscriptionName = std::pair<std::string, std::string>;  // share name, filter

  void drop(broker::MessageKey key);
  void end(broker::SessionKey key);
  void finish_forwards(const std::vector<broker::Shard*>& shards, broker::Instant now);
  /// How many shards hold each message, now that sessions have new homes; those that nobody holds
  /// go.
  void recount(const std::vector<broker::Shard*>& shards);
  Batch everything_of(std::uint32_t shard, const std::vector<broker::Shard*>& shards) const;

  std::map<broker::MessageKey, Message> messages_;
  std::map<broker::SessionKey, Session> sessions_;
  std::map<broker::SessionKey, std::map<SubscriptionName, Subscription>> subscriptions_;
  std::map<std::pair<broker::SessionKey, std::uint64_t>, Delivery> deliveries_;
  std::map<std::string, Retained> retained_;
  std::map<broker::ForwardKey, Forward> forwards_;
  std::uint64_t last_key_ = 0;
  std::size_t written_ = 0;
};

}  // namespace test
