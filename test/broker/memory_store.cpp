#include "test/broker/memory_store.h"

#include <algorithm>
#include <set>

#include "broker/restart.h"

namespace test {

using broker::JournalBatch;
using broker::MessageKey;
using broker::SessionKey;

void MemoryStore::drop(MessageKey key) {
  const auto found = messages_.find(key);
  if (found != messages_.end() && --found->second.holders <= 0) messages_.erase(found);
}

void MemoryStore::end(SessionKey key) {
  sessions_.erase(key);
  subscriptions_.erase(key);
  std::erase_if(deliveries_, [&](const auto& entry) { return entry.first.first == key; });
}

void MemoryStore::apply(const JournalBatch& batch) {
  written_ += batch.size();
  const auto text = [&](const JournalBatch::Text& part) { return std::string(batch.text(part)); };
  const auto seen = [&](std::uint64_t key) { last_key_ = std::max(last_key_, key); };
  for (const auto& row : batch.sessions) {
    seen(static_cast<std::uint64_t>(row.key));
    Session& session = sessions_[row.key];
    session = {row,
               text(row.client_id),
               text(row.user_name),
               text(row.mount_point),
               text(row.will.topic),
               text(row.will.properties),
               text(row.will.payload),
               session.incoming};
  }
  for (const auto& row : batch.subscriptions) {
    auto& all = subscriptions_[row.session];
    const SubscriptionName name{text(row.share_name), text(row.filter)};
    if (row.present) {
      all[name] = {row};
    } else {
      all.erase(name);
    }
  }
  for (const auto& row : batch.messages) {
    seen(static_cast<std::uint64_t>(row.key));
    Message& message = messages_[row.key];
    message = {row, text(row.topic), text(row.properties), text(row.payload), message.holders + 1};
  }
  for (const auto& row : batch.deliveries) {
    deliveries_[{row.name.session, row.name.number}] = {
        row, text(row.subscription_identifiers), text(row.share_name), text(row.share_filter)};
  }
  for (const auto& name : batch.released) {
    const auto found = deliveries_.find({name.session, name.number});
    if (found == deliveries_.end()) continue;  // it was over before a renewal came to it
    found->second.row.released = true;
    found->second.row.message = MessageKey{0};
  }
  for (const auto& name : batch.finished) deliveries_.erase({name.session, name.number});
  for (const auto& row : batch.incoming) {
    auto& incoming = sessions_[row.session].incoming;
    if (row.present) {
      incoming.insert(row.packet_id);
    } else {
      incoming.erase(row.packet_id);
    }
  }
  for (const auto& row : batch.retained) {
    if (row.message == MessageKey{0}) {
      retained_.erase(text(row.topic));
    } else {
      retained_[text(row.topic)] = {row, text(row.client_id), text(row.user_name)};
    }
  }
  for (const auto& row : batch.forwards) {
    seen(static_cast<std::uint64_t>(row.key));
    forwards_[row.key] = {row, text(row.share_name), text(row.share_filter), text(row.client_id),
                          text(row.user_name)};
  }
  for (const auto key : batch.arrived) forwards_.erase(key);
  for (const SessionKey key : batch.ended_sessions) end(key);
  for (const MessageKey key : batch.dropped_messages) drop(key);
}

JournalBatch MemoryStore::everything_of(std::uint32_t shard,
                                        const std::vector<broker::Shard*>& shards) const {
  JournalBatch batch;
  std::set<SessionKey> here;
  for (const auto& [key, session] : sessions_) {
    if (static_cast<std::uint32_t>(shards[0]->home_of(session.client_id)) != shard) continue;
    here.insert(key);
    JournalBatch::Session row = session.row;
    row.client_id = batch.put(session.client_id);
    row.user_name = batch.put(session.user_name);
    row.mount_point = batch.put(session.mount_point);
    row.will.topic = batch.put(session.will_topic);
    row.will.properties = batch.put(session.will_properties);
    row.will.payload = batch.put(session.will_payload);
    batch.sessions.push_back(row);
    for (const mqtt::PacketId id : session.incoming) batch.incoming.push_back({key, id, true});
  }
  for (const auto& [session, all] : subscriptions_) {
    if (!here.contains(session)) continue;
    for (const auto& [name, subscription] : all) {
      JournalBatch::Subscription row = subscription.row;
      row.share_name = batch.put(name.first);
      row.filter = batch.put(name.second);
      batch.subscriptions.push_back(row);
    }
  }
  for (const auto& [key, message] : messages_) {
    JournalBatch::Message row = message.row;
    row.shared = shards.size() > 1;
    row.topic = batch.put(message.topic);
    row.properties = batch.put(message.properties);
    row.payload = batch.put(message.payload);
    batch.messages.push_back(row);
  }
  for (const auto& [name, delivery] : deliveries_) {
    if (!here.contains(name.first)) continue;
    JournalBatch::Delivery row = delivery.row;
    row.subscription_identifiers = batch.put(delivery.ids);
    row.share_name = batch.put(delivery.share_name);
    row.share_filter = batch.put(delivery.share_filter);
    batch.deliveries.push_back(row);
  }
  for (const auto& [topic, retained] : retained_) {
    JournalBatch::Retained row = retained.row;
    row.topic = batch.put(topic);
    row.client_id = batch.put(retained.client_id);
    row.user_name = batch.put(retained.user_name);
    batch.retained.push_back(row);
  }
  for (const auto& [key, forward] : forwards_) {
    JournalBatch::Forward row = forward.row;
    row.share_name = batch.put(forward.share_name);
    row.share_filter = batch.put(forward.share_filter);
    row.client_id = batch.put(forward.client_id);
    row.user_name = batch.put(forward.user_name);
    batch.forwards.push_back(row);
  }
  return batch;
}

void MemoryStore::load(const std::vector<broker::Shard*>& shards, broker::Instant now) {
  recount(shards);
  for (std::uint32_t i = 0; i < shards.size(); ++i) {
    shards[i]->restore(everything_of(i, shards), now);
  }
  broker::restored(shards, last_key_, now);
  if (!forwards_.empty()) finish_forwards(shards, now);
}

void MemoryStore::finish_forwards(const std::vector<broker::Shard*>& shards, broker::Instant now) {
  std::set<MessageKey> messages;
  for (const auto& [key, forward] : forwards_) messages.insert(forward.row.message);
  const auto batches = broker::finish_forwards(shards, now);
  for (const broker::ShardBatch& one : batches) apply(one.batch);
  forwards_.clear();
  for (const MessageKey key : messages) drop(key);
  for (const broker::ShardBatch& one : batches) {
    shards[static_cast<std::uint32_t>(one.shard)]->committed(one.batch.position, now);
  }
}

void MemoryStore::recount(const std::vector<broker::Shard*>& shards) {
  std::map<MessageKey, std::set<std::uint32_t>> holders;
  for (const auto& [name, delivery] : deliveries_) {
    const auto home = shards[0]->home_of(sessions_.at(name.first).client_id);
    holders[delivery.row.message].insert(static_cast<std::uint32_t>(home));
  }
  for (const auto& [topic, retained] : retained_) {
    holders[retained.row.message].insert(static_cast<std::uint32_t>(shards[0]->keeper_of(topic)));
  }
  // What is on its way has a holder of its own.
  constexpr std::uint32_t on_its_way = UINT32_MAX;
  for (const auto& [key, forward] : forwards_) holders[forward.row.message].insert(on_its_way);
  for (auto& [key, message] : messages_) message.holders = static_cast<int>(holders[key].size());
  std::erase_if(messages_, [](const auto& entry) { return entry.second.holders == 0; });
}

std::vector<std::string> MemoryStore::faults() const {
  std::vector<std::string> found;
  std::set<MessageKey> wanted;
  for (const auto& [name, delivery] : deliveries_) {
    if (!sessions_.contains(name.first)) found.emplace_back("a delivery without session");
    if (!delivery.row.released) wanted.insert(delivery.row.message);
  }
  for (const auto& [topic, retained] : retained_) wanted.insert(retained.row.message);
  for (const auto& [key, forward] : forwards_) wanted.insert(forward.row.message);
  for (const auto& [session, all] : subscriptions_) {
    if (!all.empty() && !sessions_.contains(session)) {
      found.emplace_back("a subscription without session");
    }
  }
  for (const MessageKey key : wanted) {
    if (!messages_.contains(key)) found.emplace_back("a message that is not there");
  }
  for (const auto& [key, message] : messages_) {
    if (!wanted.contains(key)) found.push_back("a message that nobody wants: " + message.payload);
  }
  return found;
}

}  // namespace test
