// broker/core/ledger.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/message.h"
#include "broker/core/outgoing.h"
#include "broker/core/retained.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"

namespace broker {

/// Notes changes of a shard's lasting state, and makes a batch of them when one is asked for.
///
/// Shape      Notes name the changed thing (a session's row, its deliveries, a retained topic), not
///            its new value: that is read when the batch is made. So changes that cancel out in
///            between cost nothing, and a topic that was updated a thousand times is one row.
/// Invariant  position() counts changes. A batch brings everything up to its position.
/// Lifetime   Sessions may end between their note and the batch.
/// Threads    None.
class Ledger {
 public:
  /// The parts of a session that can change.
  enum Part : std::uint8_t { session_row = 1, session_deliveries = 2, session_incoming = 4 };

  /// Keys are index + 1, index + 1 + count, ... above those of the store.
  Ledger(Durability durability, ShardIndex index, std::uint32_t count)
      : durability_(durability),
        stride_(count),
        last_session_(static_cast<std::uint32_t>(index)),
        last_message_(static_cast<std::uint32_t>(index)) {}

  [[nodiscard]] bool on() const noexcept { return durability_ != Durability::none; }
  [[nodiscard]] Durability durability() const noexcept { return durability_; }
  /// Whether changes of the session have to be stored.
  [[nodiscard]] bool keeps(const Session& session) const noexcept {
    return on() && session.persistent();
  }
  /// Whether acknowledgements of changes to the session wait for the disk.
  [[nodiscard]] bool acknowledges_late(const Session& session) const noexcept {
    return durability_ == Durability::commit && session.persistent();
  }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// About how much memory the notes take that are no batch yet.
  [[nodiscard]] std::size_t noted_bytes() const noexcept {
    constexpr std::size_t row_bytes = 48;
    return next_.bytes.size() + next_.size() * row_bytes;
  }

  // Notes. Each does nothing if the session is none that is kept.

  void changed(Session& session, Part part);
  /// A delivery is over.
  void finished(Session& session, const Window::Done& done);
  /// PUBREC has come for a delivery: its message is not needed any more.
  void released(Session& session, std::uint64_t number, const MessageRef& message);
  /// Numbers the session's backlog anew: see Outgoing::renumber_backlog().
  void renumber_backlog(Session& session);
  struct Options {
    std::uint32_t subscription_identifier = 0;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
  };
  void subscribed(Session& session, std::string_view share_name, std::string_view filter,
                  const Options& options);
  void unsubscribed(Session& session, std::string_view share_name, std::string_view filter);
  /// The session ends, or is none any more that is kept. To be called while it is whole.
  void ended(Session& session);
  /// A message goes to another shard: `row` has its receivers, and the other texts of the row are
  /// `share_name` and so on. Returns the key that its end has to name there.
  struct ForwardTexts {
    std::string_view share_name, share_filter, client_id, user_name;
  };
  ForwardKey forwarding(const MessageRef& message, JournalBatch::Forward row,
                        const ForwardTexts& texts);
  /// A message that another shard has stored on its way is here.
  void arrived(ForwardKey forward);
  /// The other shard has stored the changes that follow from a message sent to it.
  void forwarded(const MessageRef& message);
  /// The retained message of a topic is about to change; `before`: the one so far, may be null.
  void retaining(std::string_view topic, const MessageRef& before);

  /// A key for a message that other shards get too.
  [[nodiscard]] MessageKey new_message_key() noexcept {
    return MessageKey{last_message_ += stride_};
  }

  /// Everything that changed since the last batch.
  [[nodiscard]] JournalBatch take(SessionTable& sessions, const Retained& retained);

  // For a store that begins anew: all rows that it is to hold, see RenewalWalk.

  /// Begins to note the changes that follow a walk over everything; no batch is taken until it is
  /// over.
  ///
  /// A message is given to the new store once: by the walk, or by the first of the changes that
  /// refers to it. Its mark says so, and outlives no message, unlike a set of those that were
  /// given. Two messages of one key are two holders, as they were when each was stored. A reference
  /// that ends before the walk has come to it leaves nothing behind: no row, and no end of one.
  void begin_renewal(SessionTable& sessions, const Retained& retained);
  /// Whether the session was stored when the renewal began. All of a later one is noted.
  [[nodiscard]] bool is_renewed(const Session& session) const noexcept {
    return session.key != SessionKey{0} &&
           static_cast<std::uint64_t>(session.key) <= renewed_sessions_end_;
  }
  /// Whether a change of the topic's retained message is noted.
  [[nodiscard]] bool has_note(std::string_view topic) const {
    return !retained_.empty() && retained_.contains(std::string(topic));
  }
  /// The session and its incoming identifiers, without its deliveries.
  void rewrite(Session& session, JournalBatch& batch);
  /// Its stored deliveries from number `begin` on, until the batch is a portion. Returns where to
  /// go on, if there are more.
  std::optional<std::uint64_t> rewrite_deliveries(Session& session, std::uint64_t begin,
                                                  JournalBatch& batch);
  void rewrite(const Retained::Record& record, JournalBatch& batch);
  void rewrite(const MessageRef& message, JournalBatch& batch);

  // At the start.

  /// The highest key of the store: new keys are above.
  void begin_above(std::uint64_t last_key);
  /// A stored delivery or retained topic refers to the message.
  static void refers(const MessageRef& message) noexcept { ++message->mark()->references; }

 private:
  struct Changed {
    SessionIndex index;
    std::uint64_t number;
  };

  [[nodiscard]] static JournalBatch::Session row_of(const Session& session, JournalBatch& batch);
  void write_deliveries(Session& session, JournalBatch& batch);
  /// The row of a delivery, without its message.
  [[nodiscard]] static JournalBatch::Delivery row_of(const Session& session, std::uint64_t number,
                                                     const Delivery& delivery, JournalBatch& batch);
  [[nodiscard]] static JournalBatch::Retained row_of(const Retained::Record& record,
                                                     JournalBatch& batch);
  /// Gives the message to the store.
  void put_message(const MessageRef& message, JournalBatch& batch);
  static void write_incoming(Session& session, JournalBatch& batch);
  void write_retained(const Retained& retained, JournalBatch& batch);
  /// Stores the message if this shard has not yet, and counts the reference.
  MessageKey refer(const MessageRef& message, JournalBatch& batch);
  /// Whether the row of the message is in the store, or noted.
  [[nodiscard]] bool is_given(const StoreMark& mark) const noexcept {
    return mark.renewal == renewal_;
  }
  /// Counts the end of a reference.
  void release(const MessageRef& message);

  Durability durability_;
  std::uint64_t stride_;
  std::uint64_t last_session_;
  std::uint64_t last_message_;
  std::uint64_t position_ = 0;
  std::uint32_t renewal_ : 31 = 0;          // the store that is written, in StoreMark
  std::uint64_t renewed_sessions_end_ = 0;  // the last key when that one began
  std::vector<Changed> changed_;
  std::unordered_map<std::string, MessageRef> retained_;  // by topic: its stored message
  JournalBatch next_;  // rows noted in full: ends, subscriptions, acknowledgements
};

}  // namespace broker
