#include "persistence/mosquitto_import.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "broker/core/journal.h"
#include "broker/core/text.h"
#include "broker/wire/publish.h"
#include "broker/wire/utf8.h"
#include "persistence/delivery_numbers.h"
#include "persistence/mosquitto_incoming.h"
#include "persistence/mosquitto_survey.h"

namespace persistence {
namespace {

using broker::JournalBatch;

/// Rows are written in portions of this size.
constexpr std::size_t imported_portion_bytes = std::size_t{1} << 20U;
constexpr std::size_t portion_rows = 10'000;
constexpr std::uint64_t chunks_per_report = 4096;

std::unexpected<ImportStop> stopped(const MosquittoDamage& damage) {
  return std::unexpected(ImportStop{damage.sentence()});
}
std::unexpected<ImportStop> stopped(const DatabaseError& error) {
  return std::unexpected(ImportStop{"the store cannot be written: " + error.what});
}

}  // namespace

class MosquittoImport::Work {
 public:
  Work(Store& store, MosquittoDb& db, ImportOptions options)
      : store_(store), db_(db), options_(std::move(options)) {}

  std::expected<Imported, std::string> run();

 private:
  using Part = ImportStep<void> (Work::*)();

  ImportStep<void> survey();
  ImportStep<void> decide();
  ImportStep<SessionFate> fate_of(ImportedSession& entry);
  ImportStep<void> pass_on_incoming();

  // Writing.
  ImportStep<void> write_all();
  ImportStep<void> write();
  ImportStep<void> write_sessions();
  void write_session(ImportedSession& entry);
  ImportStep<void> write_chunks();
  void write_message(const MosquittoDb::Message& chunk, ImportedMessage& entry);
  ImportStep<void> write_retained(const MosquittoDb::Message& chunk, ImportedMessage& entry);
  void write_subscription(const MosquittoDb::Subscription& chunk);
  ImportStep<void> write_deliveries();
  void write_delivery(const ImportedSession& entry, const ImportedDelivery& waiting);
  ImportStep<void> give(bool all);

  void report(std::uint64_t done);
  /// Calls `use(chunk)` for each chunk from the first on; `done_before` bytes are done.
  template <typename Use>
  ImportStep<void> each_chunk(std::uint64_t done_before, Use&& use);

  Store& store_;
  MosquittoDb& db_;
  ImportOptions options_;
  Imported imported_;
  MosquittoSurvey survey_{options_.now_milliseconds, imported_.left_out};
  MosquittoIncoming incoming_{survey_, options_};
  JournalBatch batch_;
  std::uint64_t last_key_ = 0;
  std::uint64_t chunks_ = 0;
  std::uint64_t reported_ = 0;
};

MosquittoImport::MosquittoImport(Store& store, MosquittoDb& db, ImportOptions options)
    : work_(std::make_unique<Work>(store, db, std::move(options))) {}
MosquittoImport::~MosquittoImport() = default;

std::expected<Imported, std::string> MosquittoImport::run() { return work_->run(); }

std::expected<Imported, std::string> MosquittoImport::Work::run() {
  imported_.version = db_.version();
  imported_.size_bytes = db_.size_bytes();
  ImportStep<void> done;
  if (done = survey(); !done) return std::unexpected(done.error().sentence);
  if (const auto ready = store_.expect_much(); !ready) {
    return std::unexpected(stopped(ready.error()).error().sentence);
  }
  done = write_all();
  store_.expect_little();
  if (!done) return std::unexpected(done.error().sentence);
  return imported_;
}

ImportStep<void> MosquittoImport::Work::write_all() {
  if (const auto begun = store_.begin(); !begun) return stopped(begun.error());
  ImportStep<void> done = write();
  if (done) {
    if (const auto committed = store_.commit(); !committed) done = stopped(committed.error());
  }
  if (!done) store_.roll_back();
  return done;
}

template <typename Use>
ImportStep<void> MosquittoImport::Work::each_chunk(std::uint64_t done_before, Use&& use) {
  if (const auto begun = db_.rewind(); !begun) return stopped(begun.error());
  for (;;) {
    const auto chunk = db_.next();
    if (!chunk) return stopped(chunk.error());
    if (!*chunk) return {};
    if (auto used = use(**chunk); !used) return used;
    if (++chunks_ % chunks_per_report == 0) report(done_before + db_.offset());
  }
}

void MosquittoImport::Work::report(std::uint64_t done) {
  reported_ = std::max(reported_, done);
  if (options_.progress) options_.progress(reported_, 2 * db_.size_bytes());
}

ImportStep<void> MosquittoImport::Work::survey() {
  auto seen = each_chunk(0, [this](const MosquittoDb::Chunk& chunk) -> ImportStep<void> {
    survey_.see(chunk, db_.offset());
    return {};
  });
  return seen ? survey_.sort_messages() : seen;
}

ImportStep<void> MosquittoImport::Work::write() {
  const auto last = store_.last_key();
  if (!last) return stopped(last.error());
  last_key_ = *last;
  for (const Part part : {&Work::decide, &Work::pass_on_incoming, &Work::write_sessions,
                          &Work::write_chunks, &Work::write_deliveries}) {
    if (auto done = (this->*part)(); !done) return done;
  }
  const auto noted = store_.set_note(
      note_name, broker::concat({options_.source, ": ", imported_.counts(),
                                 imported_.left_out_counts().empty() ? "" : "; left out: ",
                                 imported_.left_out_counts()}));
  if (!noted) return stopped(noted.error());
  return {};
}

ImportStep<void> MosquittoImport::Work::decide() {
  for (ImportedSession& entry : survey_.sessions) {
    const auto fate = fate_of(entry);
    if (!fate) return std::unexpected(fate.error());
    entry.fate = *fate;
    if (*fate == SessionFate::expired) ++imported_.left_out.expired_sessions;
    if (*fate == SessionFate::ended) ++imported_.left_out.ended_sessions;
    if (*fate == SessionFate::known) ++imported_.left_out.known_sessions;
    if (*fate == SessionFate::ill_formed) ++imported_.left_out.ill_formed;
  }
  survey_.mark_retained();
  return {};
}

ImportStep<SessionFate> MosquittoImport::Work::fate_of(ImportedSession& entry) {
  if (entry.client_id.empty() || !mqtt::is_utf8_string(entry.client_id) ||
      !mqtt::is_utf8_string(entry.user_name)) {
    return SessionFate::ill_formed;
  }
  if (entry.expires_s != 0 && entry.expires_s * 1000 <= options_.now_milliseconds) {
    return SessionFate::expired;
  }
  if (entry.expiry_interval_s == 0 && entry.expires_s == 0) {
    // Version 5 also writes sessions of before 5.0 in this way, and these never expire.
    if (db_.version() >= 6) return SessionFate::ended;
    entry.expiry_interval_s = MosquittoDb::never_expires;
  }
  const auto known = store_.has_session(entry.client_id);
  if (!known) return stopped(known.error());
  return *known ? SessionFate::known : SessionFate::kept;
}

ImportStep<void> MosquittoImport::Work::pass_on_incoming() {
  imported_.incoming = incoming_.collect();
  if (!incoming_.empty()) {
    auto read = each_chunk(0, [this](const MosquittoDb::Chunk& chunk) -> ImportStep<void> {
      incoming_.read(chunk);
      return {};
    });
    if (!read) return read;
    incoming_.pass_on();
  }
  for (ImportedSession& session : survey_.sessions) {
    if (!session.kept()) continue;
    survey_.resolve(session);
    number_deliveries(session.waiting, session.last_packet_id);
  }
  return {};
}

ImportStep<void> MosquittoImport::Work::give(bool all) {
  if (batch_.size() == 0) return {};
  if (!all && batch_.bytes.size() < imported_portion_bytes && batch_.size() < portion_rows)
    return {};
  const auto written = store_.write(batch_);
  batch_ = {};
  if (!written) return stopped(written.error());
  return {};
}

ImportStep<void> MosquittoImport::Work::write_sessions() {
  for (ImportedSession& entry : survey_.sessions) {
    if (!entry.kept()) continue;
    write_session(entry);
    if (auto given = give(false); !given) return given;
  }
  return give(true);
}

void MosquittoImport::Work::write_session(ImportedSession& entry) {
  entry.key = ++last_key_;
  JournalBatch::Session row;
  row.key = broker::SessionKey{entry.key};
  row.client_id = batch_.put(entry.client_id);
  row.user_name = batch_.put(entry.user_name);
  const ImportOptions::Place place = options_.place_of(entry.listener_port);
  row.listener = place.listener;
  row.mount_point = batch_.put(place.mount_point);
  const bool never = entry.expiry_interval_s == MosquittoDb::never_expires;
  row.version = never ? mqtt::Version::v3_1_1 : mqtt::Version::v5_0;
  row.expiry_interval_seconds = std::min(entry.expiry_interval_s, options_.expiry_interval_max_s);
  if (entry.expires_s != 0) {
    row.expires = store_.instant_of(entry.expires_s * 1000);
  } else if (row.expiry_interval_seconds != MosquittoDb::never_expires) {
    row.expires = store_.instant_of(options_.now_milliseconds +
                                    std::int64_t{row.expiry_interval_seconds} * 1000);
  }
  for (const ImportedDelivery& each : entry.waiting) {
    if (each.sent) row.sent_end = each.number + 1;
  }
  batch_.sessions.push_back(row);
  ++imported_.sessions;
  for (const std::uint16_t id : entry.incoming) {
    batch_.incoming.push_back({row.key, mqtt::PacketId{id}, true});
  }
}

ImportStep<void> MosquittoImport::Work::write_chunks() {
  auto done =
      each_chunk(db_.size_bytes(), [this](const MosquittoDb::Chunk& chunk) -> ImportStep<void> {
        if (const auto* const subscription = std::get_if<MosquittoDb::Subscription>(&chunk)) {
          write_subscription(*subscription);
        }
        if (const auto* const message = std::get_if<MosquittoDb::Message>(&chunk)) {
          ImportedMessage* const entry = survey_.message(message->id);
          if (entry == nullptr || !entry->usable) return {};
          if (entry->wanted) write_message(*message, *entry);
          if (entry->retained) {
            if (auto written = write_retained(*message, *entry); !written) return written;
          }
        }
        return give(false);
      });
  if (!done) return done;
  return give(true);
}

void MosquittoImport::Work::write_message(const MosquittoDb::Message& chunk,
                                          ImportedMessage& entry) {
  if (entry.key != 0) return;
  entry.key = ++last_key_;
  JournalBatch::Message row;
  row.key = broker::MessageKey{entry.key};
  row.qos = static_cast<mqtt::Qos>(chunk.qos);
  row.retain = chunk.retain;
  if (chunk.expires_s != 0) row.expires = store_.instant_of(chunk.expires_s * 1000);
  row.topic = batch_.put(chunk.topic);
  const std::size_t before = batch_.bytes.size();
  mqtt::forwarded_properties(chunk.properties, batch_.bytes);
  row.properties = {before, batch_.bytes.size() - before};
  row.payload = batch_.put(chunk.payload);
  batch_.messages.push_back(row);
}

ImportStep<void> MosquittoImport::Work::write_retained(const MosquittoDb::Message& chunk,
                                                       ImportedMessage& entry) {
  if (chunk.topic.starts_with("$SYS/") || chunk.payload.empty()) return {};
  if (incoming_.replaces_retained(chunk.topic, chunk.id)) return {};
  const auto known = store_.has_retained(chunk.topic);
  if (!known) return stopped(known.error());
  if (*known) {
    ++imported_.left_out.known_retained;
    return {};
  }
  write_message(chunk, entry);
  JournalBatch::Retained row;
  row.topic = batch_.put(chunk.topic);
  row.message = broker::MessageKey{entry.key};
  row.client_id = batch_.put(chunk.client_id);
  row.user_name = batch_.put(chunk.user_name);
  row.listener = options_.place_of(chunk.listener_port).listener;
  batch_.retained.push_back(row);
  ++imported_.retained;
  return {};
}

void MosquittoImport::Work::write_subscription(const MosquittoDb::Subscription& chunk) {
  const ImportedSession& session = survey_.session_of(chunk.client_id);
  if (!session.kept()) return;
  const auto parts = parts_of(chunk);
  if (!parts) {
    ++imported_.left_out.ill_formed;
    return;
  }
  JournalBatch::Subscription row;
  row.session = broker::SessionKey{session.key};
  row.present = true;
  row.share_name = batch_.put(parts->share_name);
  row.filter = batch_.put(parts->filter.text());
  row.subscription_identifier = chunk.identifier;
  row.qos = static_cast<mqtt::Qos>(chunk.qos);
  row.no_local = chunk.no_local;
  row.retain_as_published = chunk.retain_as_published;
  batch_.subscriptions.push_back(row);
  ++imported_.subscriptions;
}

ImportStep<void> MosquittoImport::Work::write_deliveries() {
  for (const ImportedSession& entry : survey_.sessions) {
    if (!entry.kept()) continue;
    for (const ImportedDelivery& waiting : entry.waiting) write_delivery(entry, waiting);
    if (auto given = give(false); !given) return given;
  }
  return give(true);
}

void MosquittoImport::Work::write_delivery(const ImportedSession& entry,
                                           const ImportedDelivery& waiting) {
  JournalBatch::Delivery row;
  row.name = {broker::SessionKey{entry.key}, waiting.number};
  if (!waiting.released) row.message = broker::MessageKey{survey_.message(waiting.message_id)->key};
  row.qos = static_cast<mqtt::Qos>(waiting.qos);
  row.retain = waiting.retain;
  row.released = waiting.released;
  const std::size_t before = batch_.bytes.size();
  for (std::uint32_t i = 0; i < waiting.identifier_count; ++i) {
    const std::uint32_t id = survey_.identifiers[waiting.first_identifier + i];
    for (std::size_t shift = 0; shift < 32; shift += 8) {
      batch_.bytes.push_back(static_cast<std::uint8_t>(id >> shift & 0xFFU));
    }
  }
  row.subscription_identifiers = {before, batch_.bytes.size() - before};
  if (waiting.group != 0) {
    row.share_name = batch_.put(survey_.groups[waiting.group - 1].first);
    row.share_filter = batch_.put(survey_.groups[waiting.group - 1].second);
  }
  batch_.deliveries.push_back(row);
  ++imported_.queued;
}

std::string Imported::counts() const {
  std::string text = broker::concat(
      {std::to_string(sessions), " sessions, ", std::to_string(subscriptions), " subscriptions, ",
       std::to_string(retained), " retained and ", std::to_string(queued), " queued messages"});
  if (incoming != 0) text += ", " + std::to_string(incoming) + " QoS 2 messages not yet released";
  return text;
}

std::string Imported::left_out_counts() const {
  const std::pair<std::uint64_t, std::string_view> kinds[] = {
      {left_out.expired_sessions, " expired sessions"},
      {left_out.ended_sessions, " sessions that ended with their connection"},
      {left_out.known_sessions, " sessions that the store has already"},
      {left_out.known_retained, " retained messages whose topic the store has already"},
      {left_out.expired_messages, " expired messages"},
      {left_out.missing_messages, " deliveries or topics whose message the file lacks"},
      {left_out.ill_formed, " names, topics or messages that MQTT does not allow"},
  };
  std::string text;
  for (const auto& [count, what] : kinds) {
    if (count == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::to_string(count);
    text += what;
  }
  return text;
}

}  // namespace persistence
