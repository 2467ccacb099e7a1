// broker/restorer.h
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/core/homes.h"
#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/key_table.h"
#include "broker/core/ledger.h"
#include "broker/core/message.h"
#include "broker/core/retained.h"
#include "broker/core/router.h"
#include "broker/core/sender.h"
#include "broker/core/session_table.h"
#include "broker/core/timer_wheel.h"
#include "broker/shard.h"
#include "broker/shared_subscriptions.h"

namespace broker {

/// Brings stored state back into a shard, before a client may connect.
///
/// Shape      1. restore() for each batch: its rows refer to rows of the same batch or of earlier
///               ones, by key. Sessions first, then subscriptions, messages and rows that refer to
///               them.
///            2. restored(): sessions are away now, and the tables of keys are freed.
///            3. finish_forwards(), when every shard is restored and groups know their members: a
///               message that was on its way between shards (Forwards) reaches the sessions and
///               groups that were at home on the shard it was for. The number of shards and the
///               key of homes may have changed since, so the row has the former ones.
/// Invariant  A row that is damaged, or refers to none, is left out; the others come back. Restored
///            state is not noted as changed, unless it differs from its row: a client that was
///            connected is away.
/// Lifetime   From the first row until start-up is over. Then it is freed: it holds a table of all
///            stored messages.
/// Threads    None.
class Restorer final {
 public:
  Restorer(const ShardOptions& options, const Homes& homes, Commons& commons,
           SessionTable& sessions, TimerWheel& timers, Router& router, SharedSubscriptions& groups,
           Ledger& ledger, Retained& retained);

  void restore(const JournalBatch& batch, Instant now);
  /// A stored message in bytes that other shards share: instead of a row.
  void restore(const SharedMessage& message);
  /// All rows are back.
  void restored();
  /// How many rows were damaged and left out.
  [[nodiscard]] std::uint64_t damaged() const noexcept { return damaged_; }
  [[nodiscard]] bool has_forwards() const noexcept { return !forwards_.empty(); }

  /// Hands out the messages that were on their way to a shard: by SharedSubscriptions::deliver(),
  /// by `deliver(Publication&, const Route&, const Receiver&)` to a session, and by
  /// `retain(Publication&, RetainStamp, std::shared_ptr<const Publisher>)`.
  template <typename Retain, typename Deliver>
  void finish_forwards(Instant now, Retain&& retain, Deliver&& deliver);

 private:
  struct Returned {
    SessionIndex index{0};
    std::uint64_t sent_end = 0;
    bool was_connected = false;
  };
  /// A message that was on its way between shards when the process ended.
  struct Forward {
    JournalBatch::Forward row;  // without its texts
    MessageRef message;
    std::string share_name;
    std::string share_filter;
    Publisher publisher;
  };

  [[nodiscard]] bool is_sound_session(const JournalBatch& batch,
                                      const JournalBatch::Session& row) const;
  void restore_session(const JournalBatch& batch, const JournalBatch::Session& row);
  void restore_will(Session& session, const JournalBatch& batch, const JournalBatch::Will& row);
  void restore_subscription(const JournalBatch& batch, const JournalBatch::Subscription& row);
  void restore_message(const JournalBatch& batch, const JournalBatch::Message& row);
  void restore_delivery(const JournalBatch& batch, const JournalBatch::Delivery& row);
  void restore_incoming(const JournalBatch::Incoming& row);
  void restore_forward(const JournalBatch& batch, const JournalBatch::Forward& row);
  void restore_retained(const JournalBatch& batch, const JournalBatch::Retained& row);
  [[nodiscard]] std::shared_ptr<const Publisher> restored_publisher(
      const JournalBatch& batch, const JournalBatch::Retained& row);
  void wake_up(Session& session, const Returned& returned);
  template <typename Retain, typename Deliver>
  void finish(const Forward& forward, Publication& publication, Retain& retain, Deliver& deliver);

  const ShardOptions& options_;
  const Homes& homes_;
  Interest& interest_;
  SharedCounts& counts_;
  SessionTable& sessions_;
  TimerWheel& timers_;
  Router& router_;
  SharedSubscriptions& groups_;
  Ledger& ledger_;
  Retained& retained_;
  Instant now_;  // of the batch at hand
  KeyTable<MessageKey, MessageRef> messages_;
  KeyTable<SessionKey, Returned> returned_;
  /// Publishers of retained messages, each once: by client id, user name and listener.
  std::unordered_map<std::string, std::shared_ptr<const Publisher>> publishers_;
  std::vector<Forward> forwards_;
  std::uint64_t damaged_ = 0;
};

template <typename Retain, typename Deliver>
void Restorer::finish_forwards(Instant now, Retain&& retain, Deliver&& deliver) {
  for (const Forward& forward : forwards_) {
    Publication publication(forward.message->view(), now, 1);
    publication.kept = forward.message;
    publication.marked = true;
    finish(forward, publication, retain, deliver);
  }
  forwards_ = {};
}

template <typename Retain, typename Deliver>
void Restorer::finish(const Forward& forward, Publication& publication, Retain& retain,
                      Deliver& deliver) {
  if (!forward.share_name.empty()) {
    const auto group = groups_.table().number(forward.share_name, forward.share_filter);
    if (group) groups_.deliver(*group, publication);
    return;
  }
  const Homes homes_then(forward.row.home_key, forward.row.shards);
  const ShardIndex there{forward.row.to};
  const std::string_view topic = publication.view.topic;
  if (publication.view.retain && homes_then.of(topic) == there) {
    std::shared_ptr<const Publisher> by;
    if (!forward.publisher.client_id.empty()) {
      by = std::make_shared<const Publisher>(forward.publisher);
    }
    retain(publication, RetainStamp{forward.row.retain_count, 0}, std::move(by));
  }
  const Route& route = router_.route(topic);
  for (const Receiver& receiver : route.receivers) {
    if (homes_then.of(receiver.session->client_id) == there) deliver(publication, route, receiver);
  }
  for (const std::uint32_t group : route.groups) {
    const Groups::Group& one = groups_.table().at(group);
    if (homes_then.of_group(one.share_name, one.filter) == there) {
      groups_.deliver(group, publication);
    }
  }
}

}  // namespace broker
