#include "persistence/schema.h"

#include <array>
#include <string>

namespace persistence {
namespace {

/// steps[i] leads from version i to version i + 1.
const std::array<std::string, Schema::version> all_steps = {
    R"(
CREATE TABLE session(
  id INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL UNIQUE,
  user_name TEXT NOT NULL,
  mount_point TEXT NOT NULL,
  listener INTEGER NOT NULL,
  protocol_version INTEGER NOT NULL,
  bridge INTEGER NOT NULL,
  connected INTEGER NOT NULL,
  expiry_interval_s INTEGER NOT NULL,
  expires_ms INTEGER,
  sent_end INTEGER NOT NULL,
  will_topic TEXT,
  will_payload BLOB,
  will_properties BLOB,
  will_qos INTEGER,
  will_retain INTEGER,
  will_delay_s INTEGER,
  will_expiry_s INTEGER,
  will_due_ms INTEGER
);
CREATE TABLE subscription(
  session_id INTEGER NOT NULL,
  share_name TEXT NOT NULL,
  filter TEXT NOT NULL,
  qos INTEGER NOT NULL,
  no_local INTEGER NOT NULL,
  retain_as_published INTEGER NOT NULL,
  identifier INTEGER NOT NULL,
  PRIMARY KEY(session_id, share_name, filter)
) WITHOUT ROWID;
CREATE TABLE message(
  id INTEGER PRIMARY KEY,
  topic TEXT NOT NULL,
  payload BLOB NOT NULL,
  properties BLOB NOT NULL,
  qos INTEGER NOT NULL,
  retain INTEGER NOT NULL,
  expires_ms INTEGER
);
CREATE TABLE delivery(
  session_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  message_id INTEGER,
  qos INTEGER NOT NULL,
  retain INTEGER NOT NULL,
  identifiers BLOB NOT NULL,
  share_name TEXT NOT NULL,
  share_filter TEXT NOT NULL,
  PRIMARY KEY(session_id, number)
) WITHOUT ROWID;
CREATE TABLE incoming(
  session_id INTEGER PRIMARY KEY,
  packet_ids BLOB NOT NULL
);
CREATE TABLE retained(
  topic TEXT PRIMARY KEY,
  message_id INTEGER NOT NULL,
  client_id TEXT NOT NULL,
  user_name TEXT NOT NULL,
  listener INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE note(
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE forward(
  id INTEGER PRIMARY KEY,
  message_id INTEGER NOT NULL,
  to_loop INTEGER NOT NULL,
  loops INTEGER NOT NULL,
  home_key_1 INTEGER NOT NULL,
  home_key_2 INTEGER NOT NULL,
  share_name TEXT NOT NULL,
  share_filter TEXT NOT NULL,
  retain_count INTEGER NOT NULL,
  client_id TEXT NOT NULL,
  user_name TEXT NOT NULL,
  listener INTEGER NOT NULL
);
)",
    // A row for each QoS 2 identifier, where a session had all of its own in one.
    R"(
ALTER TABLE incoming RENAME TO incoming_1;
CREATE TABLE incoming(
  session_id INTEGER NOT NULL,
  packet_id INTEGER NOT NULL,
  PRIMARY KEY(session_id, packet_id)
) WITHOUT ROWID;
WITH RECURSIVE part(session_id, digits, first) AS (
  SELECT session_id, hex(packet_ids), 1 FROM incoming_1 WHERE length(packet_ids) > 1
  UNION ALL
  SELECT session_id, digits, first + 4 FROM part WHERE first + 7 <= length(digits)
), digit(session_id, a, b, c, d) AS (
  SELECT session_id,
    instr('123456789ABCDEF', substr(digits, first + 2, 1)),
    instr('123456789ABCDEF', substr(digits, first + 3, 1)),
    instr('123456789ABCDEF', substr(digits, first, 1)),
    instr('123456789ABCDEF', substr(digits, first + 1, 1)) FROM part
)
INSERT OR IGNORE INTO incoming
  SELECT session_id, ((a * 16 + b) * 16 + c) * 16 + d FROM digit
  WHERE a + b + c + d > 0;
DROP TABLE incoming_1;
)"};

DatabaseError refusal(std::string what) { return {SQLITE_MISMATCH, std::move(what)}; }

}  // namespace

Answer<void> Schema::prepare(Database& database) { return lead(database, all_steps); }

Answer<void> Schema::lead(Database& database, std::span<const std::string> steps) {
  const auto found_application = database.value("PRAGMA application_id");
  if (!found_application) return std::unexpected(found_application.error());
  const auto found_version = database.value("PRAGMA user_version");
  if (!found_version) return std::unexpected(found_version.error());
  const auto found = static_cast<std::size_t>(std::stoul(*found_version));
  const bool ours = *found_application == std::to_string(application_id);
  if (!ours) {
    const auto tables = database.value("SELECT count(*) FROM sqlite_schema");
    if (!tables) return std::unexpected(tables.error());
    if (*tables != "0") return std::unexpected(refusal("it is a database, but not darter's"));
  }
  if (found_version->starts_with('-')) {
    return std::unexpected(DatabaseError{SQLITE_CORRUPT, "its version is " + *found_version});
  }
  if (found > steps.size()) {
    return std::unexpected(refusal("its version is " + std::to_string(found) +
                                   ", and this darter knows none above " +
                                   std::to_string(steps.size())));
  }
  if (found == steps.size()) return {};
  std::string script = "BEGIN IMMEDIATE;";
  for (const std::string& step : steps.subspan(found)) script += step;
  script += "PRAGMA application_id = " + std::to_string(application_id) +
            "; PRAGMA user_version = " + std::to_string(steps.size()) + "; COMMIT;";
  auto done = database.execute(script);
  if (done) return done;
  [[maybe_unused]] const auto undone = database.execute("ROLLBACK");
  return done;
}

}  // namespace persistence
