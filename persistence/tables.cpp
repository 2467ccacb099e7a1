#include "persistence/tables.h"

#include <optional>
#include <utility>

namespace persistence {
namespace {

using broker::JournalBatch;

/// As SQLite has its integers.
template <typename Key>
std::int64_t number(Key key) {
  return static_cast<std::int64_t>(key);
}

}  // namespace

Answer<Tables> Tables::prepare(Database& database, const StoreClock& clock,
                               MessageHolders& holders) {
  Tables made(database, clock, holders);
  const std::pair<Statement Statements::*, const char*> all[] = {
      {&Statements::end_session, "DELETE FROM session WHERE id = ?"},
      {&Statements::end_subscriptions, "DELETE FROM subscription WHERE session_id = ?"},
      {&Statements::end_deliveries, "DELETE FROM delivery WHERE session_id = ?"},
      {&Statements::end_incoming, "DELETE FROM incoming WHERE session_id = ?"},
      {&Statements::session,
       "INSERT OR REPLACE INTO session VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&Statements::subscribe, "INSERT OR REPLACE INTO subscription VALUES(?,?,?,?,?,?,?)"},
      {&Statements::unsubscribe,
       "DELETE FROM subscription WHERE session_id = ? AND share_name = ? AND filter = ?"},
      {&Statements::message, "INSERT OR IGNORE INTO message VALUES(?,?,?,?,?,?,?)"},
      {&Statements::delivery, "INSERT OR REPLACE INTO delivery VALUES(?,?,?,?,?,?,?,?)"},
      {&Statements::release,
       "UPDATE delivery SET message_id = NULL WHERE session_id = ? AND number = ?"},
      {&Statements::finish, "DELETE FROM delivery WHERE session_id = ? AND number = ?"},
      {&Statements::incoming, "INSERT OR IGNORE INTO incoming VALUES(?,?)"},
      {&Statements::no_incoming, "DELETE FROM incoming WHERE session_id = ? AND packet_id = ?"},
      {&Statements::retain, "INSERT OR REPLACE INTO retained VALUES(?,?,?,?,?)"},
      {&Statements::forget, "DELETE FROM retained WHERE topic = ?"},
      {&Statements::forward, "INSERT INTO forward VALUES(?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&Statements::arrived, "DELETE FROM forward WHERE id = ?"},
      {&Statements::all_arrived, "DELETE FROM forward"},
      {&Statements::drop, "DELETE FROM message WHERE id = ?"},
      {&Statements::find_session, "SELECT 1 FROM session WHERE client_id = ?"},
      {&Statements::find_retained, "SELECT 1 FROM retained WHERE topic = ?"},
  };
  for (const auto& [member, sql] : all) {
    auto statement = database.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    made.statements_.*member = std::move(*statement);
  }
  return made;
}

Answer<bool> Tables::has_session(std::string_view client_id) {
  return statements_.find_session.bind(client_id).finds();
}

Answer<bool> Tables::has_retained(std::string_view topic) {
  return statements_.find_retained.bind(topic).finds();
}

Answer<void> Tables::drop_message(std::uint64_t key) {
  if (holders_.remove(key)) return {};
  return delete_message(key);
}

Answer<void> Tables::delete_message(std::uint64_t key) {
  return statements_.drop.bind(number(key)).run();
}

Answer<void> Tables::write(const JournalBatch& batch) {
  using Step = Answer<void> (Tables::*)(const JournalBatch&);
  for (const Step step :
       {&Tables::write_sessions, &Tables::write_incoming, &Tables::write_subscriptions,
        &Tables::write_messages, &Tables::write_deliveries, &Tables::write_retained,
        &Tables::write_forwards, &Tables::end_sessions, &Tables::drop_messages}) {
    if (auto done = (this->*step)(batch); !done) return done;
  }
  return {};
}

Answer<void> Tables::write_sessions(const JournalBatch& batch) {
  for (const JournalBatch::Session& row : batch.sessions) {
    if (auto done = write_session(batch, row); !done) return done;
  }
  return {};
}

Answer<void> Tables::write_incoming(const JournalBatch& batch) {
  for (const JournalBatch::Incoming& row : batch.incoming) {
    Statement& statement = row.present ? statements_.incoming : statements_.no_incoming;
    if (auto done = statement.bind(number(row.session), number(row.packet_id)).run(); !done) {
      return done;
    }
  }
  return {};
}

Answer<void> Tables::write_session(const JournalBatch& batch, const JournalBatch::Session& row) {
  Statement& statement = statements_.session;
  statement.bind(number(row.key), batch.text(row.client_id), batch.text(row.user_name),
                 batch.text(row.mount_point), std::int64_t{row.listener}, number(row.version),
                 std::int64_t{row.from_bridge}, std::int64_t{row.connected},
                 std::int64_t{row.expiry_interval_seconds}, clock_.to_wall(row.expires),
                 static_cast<std::int64_t>(row.sent_end));
  const JournalBatch::Will& will = row.will;
  if (will.topic.size_bytes != 0) {
    std::optional<std::int64_t> expiry;
    if (will.message_expiry_interval_seconds) expiry = *will.message_expiry_interval_seconds;
    statement.bind(batch.text(will.topic), batch.data(will.payload), batch.data(will.properties),
                   number(will.qos), std::int64_t{will.retain},
                   std::int64_t{will.delay_interval_seconds}, expiry, clock_.to_wall(will.due));
  } else {
    const std::optional<std::int64_t> null;
    statement.bind(null, null, null, null, null, null, null, null);
  }
  return statement.run();
}

Answer<void> Tables::write_subscriptions(const JournalBatch& batch) {
  for (const JournalBatch::Subscription& row : batch.subscriptions) {
    const std::string_view share_name = batch.text(row.share_name);
    const std::string_view filter = batch.text(row.filter);
    auto done = row.present
                    ? statements_.subscribe
                          .bind(number(row.session), share_name, filter, number(row.qos),
                                std::int64_t{row.no_local}, std::int64_t{row.retain_as_published},
                                std::int64_t{row.subscription_identifier})
                          .run()
                    : statements_.unsubscribe.bind(number(row.session), share_name, filter).run();
    if (!done) return done;
  }
  return {};
}

Answer<void> Tables::write_messages(const JournalBatch& batch) {
  for (const JournalBatch::Message& row : batch.messages) {
    auto done = statements_.message
                    .bind(number(row.key), batch.text(row.topic), batch.data(row.payload),
                          batch.data(row.properties), number(row.qos), std::int64_t{row.retain},
                          clock_.to_wall(row.expires))
                    .run();
    if (!done) return done;
    // Another shard has stored it: one holder more.
    if (sqlite3_changes(database_.handle()) == 0) holders_.add(static_cast<std::uint64_t>(row.key));
  }
  return {};
}

Answer<void> Tables::write_deliveries(const JournalBatch& batch) {
  for (const JournalBatch::Delivery& row : batch.deliveries) {
    std::optional<std::int64_t> message;
    if (!row.released) message = number(row.message);
    auto done = statements_.delivery
                    .bind(number(row.name.session), static_cast<std::int64_t>(row.name.number),
                          message, number(row.qos), std::int64_t{row.retain},
                          batch.data(row.subscription_identifiers), batch.text(row.share_name),
                          batch.text(row.share_filter))
                    .run();
    if (!done) return done;
  }
  for (const auto& [names, statement] : {std::pair(&batch.released, &statements_.release),
                                         std::pair(&batch.finished, &statements_.finish)}) {
    for (const JournalBatch::DeliveryName& name : *names) {
      auto done =
          statement->bind(number(name.session), static_cast<std::int64_t>(name.number)).run();
      if (!done) return done;
    }
  }
  return {};
}

Answer<void> Tables::write_retained(const JournalBatch& batch) {
  for (const JournalBatch::Retained& row : batch.retained) {
    const std::string_view topic = batch.text(row.topic);
    auto done = row.message == broker::MessageKey{0}
                    ? statements_.forget.bind(topic).run()
                    : statements_.retain
                          .bind(topic, number(row.message), batch.text(row.client_id),
                                batch.text(row.user_name), std::int64_t{row.listener})
                          .run();
    if (!done) return done;
  }
  return {};
}

Answer<void> Tables::write_forwards(const JournalBatch& batch) {
  for (const JournalBatch::Forward& row : batch.forwards) {
    auto done =
        statements_.forward
            .bind(number(row.key), number(row.message), std::int64_t{row.to},
                  std::int64_t{row.shards}, static_cast<std::int64_t>(row.home_key[0]),
                  static_cast<std::int64_t>(row.home_key[1]), batch.text(row.share_name),
                  batch.text(row.share_filter), static_cast<std::int64_t>(row.retain_count),
                  batch.text(row.client_id), batch.text(row.user_name), std::int64_t{row.listener})
            .run();
    if (!done) return done;
  }
  for (const broker::ForwardKey key : batch.arrived) {
    if (auto done = statements_.arrived.bind(number(key)).run(); !done) return done;
  }
  return {};
}

Answer<void> Tables::end_sessions(const JournalBatch& batch) {
  for (const broker::SessionKey key : batch.ended_sessions) {
    for (Statement* const end : {&statements_.end_session, &statements_.end_subscriptions,
                                 &statements_.end_deliveries, &statements_.end_incoming}) {
      if (auto done = end->bind(number(key)).run(); !done) return done;
    }
  }
  return {};
}

Answer<void> Tables::drop_messages(const JournalBatch& batch) {
  for (const broker::MessageKey message : batch.dropped_messages) {
    if (auto done = drop_message(static_cast<std::uint64_t>(message)); !done) return done;
  }
  return {};
}

}  // namespace persistence
