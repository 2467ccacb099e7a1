// persistence/tables.h
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/core/journal.h"
#include "persistence/database.h"
#include "persistence/message_holders.h"
#include "persistence/store_clock.h"

namespace persistence {

/// Writes the rows of shards into the tables of persistence/README.md.
///
/// Invariant  A message is one row, however many shards and sessions refer to it; it is deleted
///            with its last holder.
/// Lifetime   The database, the clock and the holders outlive it.
/// Threads    Those of the database.
/// Errors     As values. Except for lookups, everything belongs into a transaction of the caller,
///            which undoes it in the database and in the holders if anything fails.
class Tables {
 public:
  /// Prepares all statements, once. Requires the tables: see Schema.
  [[nodiscard]] static Answer<Tables> prepare(Database& database, const StoreClock& clock,
                                              MessageHolders& holders);

  [[nodiscard]] Answer<void> write(const broker::JournalBatch& batch);
  /// Deletes all forwards. The messages that they held are dropped by the caller.
  [[nodiscard]] Answer<void> end_forwards() { return statements_.all_arrived.run(); }
  /// One holder of a message less; deletes it if that was the last.
  [[nodiscard]] Answer<void> drop_message(std::uint64_t key);
  /// Deletes a message, even if rows refer to it.
  [[nodiscard]] Answer<void> delete_message(std::uint64_t key);

  [[nodiscard]] Answer<bool> has_session(std::string_view client_id);
  [[nodiscard]] Answer<bool> has_retained(std::string_view topic);

 private:
  Tables(Database& database, const StoreClock& clock, MessageHolders& holders)
      : database_(database), clock_(clock), holders_(holders) {}

  using Batch = broker::JournalBatch;
  [[nodiscard]] Answer<void> write_sessions(const Batch& batch);
  [[nodiscard]] Answer<void> write_session(const Batch& batch, const Batch::Session& row);
  [[nodiscard]] Answer<void> write_incoming(const Batch& batch);
  [[nodiscard]] Answer<void> write_subscriptions(const Batch& batch);
  [[nodiscard]] Answer<void> write_messages(const Batch& batch);
  [[nodiscard]] Answer<void> write_deliveries(const Batch& batch);
  [[nodiscard]] Answer<void> write_retained(const Batch& batch);
  [[nodiscard]] Answer<void> write_forwards(const Batch& batch);
  [[nodiscard]] Answer<void> end_sessions(const Batch& batch);
  [[nodiscard]] Answer<void> drop_messages(const Batch& batch);

  struct Statements {
    Statement end_session, end_subscriptions, end_deliveries, end_incoming;
    Statement session, subscribe, unsubscribe, message, delivery, release, finish, incoming,
        no_incoming, retain, forget, forward, arrived, all_arrived, drop;
    Statement find_session, find_retained;
  };

  Database& database_;
  const StoreClock& clock_;
  MessageHolders& holders_;
  Statements statements_;
};

}  // namespace persistence
