#include "persistence/mosquitto_import.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/core/journal.h"
#include "broker/core/text.h"
#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"
#include "broker/wire/publish.h"
#include "broker/wire/topic.h"
#include "broker/wire/utf8.h"

namespace persistence {
namespace {

using broker::JournalBatch;
using State = MosquittoDb::State;

/// Rows are written in portions of this size.
constexpr std::size_t imported_portion_bytes = std::size_t{1} << 20U;
constexpr std::size_t portion_rows = 10'000;
constexpr std::uint64_t chunks_per_report = 4096;

// Packet identifiers run from 1 to 65535 and around; darter's are the delivery's number modulo
// that, plus 1.
constexpr std::uint64_t identifiers = 65'535;
/// Numbers that may lie between the first and the last delivery in flight.
constexpr std::uint64_t span_max = 65'533;

/// Why an import ends early.
struct Stop {
  std::string sentence;
};
template <typename T>
using Step = std::expected<T, Stop>;

std::unexpected<Stop> stopped(const MosquittoDamage& damage) {
  return std::unexpected(Stop{damage.sentence()});
}
std::unexpected<Stop> stopped(const DatabaseError& error) {
  return std::unexpected(Stop{"the store cannot be written: " + error.what});
}

/// A delivery to a client that has still to be made.
struct Waiting {
  std::uint64_t message_id = 0;
  std::uint64_t number = 0;
  std::uint32_t first_identifier = 0;  // index into Work::identifiers_
  std::uint32_t identifier_count = 0;
  std::uint32_t group = 0;  // 1 + index into Work::groups_; 0: not shared
  std::uint16_t packet_id = 0;
  std::uint8_t qos = 0;
  bool sent = false;      // the client may have got it, under its packet identifier
  bool released = false;  // PUBREC has come
  bool retain = false;
};

/// What becomes of a session.
enum class Fate : std::uint8_t { kept, expired, ended, known, ill_formed };

struct SessionEntry {
  std::string client_id;
  std::string user_name;
  std::uint16_t listener_port = 0;
  std::uint16_t last_packet_id = 0;
  std::uint32_t expiry_interval_s = MosquittoDb::never_expires;
  std::int64_t expires_s = 0;
  bool described = false;  // by a chunk of its own
  Fate fate = Fate::kept;
  std::uint64_t key = 0;
  std::vector<Waiting> waiting;
  std::vector<std::uint16_t> incoming;
  std::vector<std::uint64_t> incoming_messages;

  [[nodiscard]] bool kept() const noexcept { return fate == Fate::kept; }
};

struct MessageEntry {
  std::uint64_t id = 0;
  std::uint64_t offset = 0;  // of its chunk
  std::uint64_t key = 0;     // in the store; 0: not written
  bool wanted = false;       // a delivery refers to it
  bool retained = false;     // it is what is retained for its topic
  bool usable = true;        // neither expired nor ill-formed
};

/// What a message from a client says of its way.
struct IncomingMessage {
  std::string topic;
  bool retain = false;
  bool clears = false;  // an empty payload: nothing is retained from now on
};

struct KnownSubscription {
  std::uint32_t session = 0;
  std::uint32_t identifier = 0;
  std::uint32_t group = 0;
  std::string filter;
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
};

/// A filter taken apart, or nothing if MQTT does not allow it.
std::optional<mqtt::SharedFilter> parts_of(const MosquittoDb::Subscription& chunk) {
  const auto shared = mqtt::parse_shared(chunk.filter);
  if (!shared || chunk.identifier > mqtt::variable_byte_integer_max) return std::nullopt;
  if (*shared) return *shared;
  const auto filter = mqtt::TopicFilter::parse(chunk.filter);
  if (!filter) return std::nullopt;
  return mqtt::SharedFilter{{}, *filter};
}

bool has_wildcard(std::string_view filter) {
  return filter.find_first_of("+#") != std::string_view::npos;
}

/// What keeps a message from being taken in; the properties of a PUBLISH are checked as one is.
bool well_formed(const MosquittoDb::Message& message) {
  if (!mqtt::TopicName::parse(message.topic)) return false;
  mqtt::PropertyReader reader(message.properties, mqtt::PropertyPlace::publish);
  mqtt::Property property;
  for (;;) {
    const auto more = reader.next(property);
    if (!more) return false;
    if (!*more) return true;
  }
}

}  // namespace

class MosquittoImport::Work {
 public:
  Work(Store& store, MosquittoDb& db, ImportOptions options)
      : store_(store), db_(db), options_(std::move(options)) {}

  std::expected<Imported, std::string> run();

 private:
  using Part = Step<void> (Work::*)();

  // Reading.
  Step<void> survey();
  void see(const MosquittoDb::Configuration& /*chunk*/) {}
  void see(const MosquittoDb::Message& chunk);
  void see(const MosquittoDb::Session& chunk);
  void see(const MosquittoDb::Delivery& chunk);
  void see(const MosquittoDb::Subscription& chunk) { entry_of(chunk.client_id); }
  void see(const MosquittoDb::Retained& chunk) { retained_.push_back(chunk.message_id); }
  Step<void> sort_messages();
  Step<void> decide();
  Step<Fate> fate_of(SessionEntry& entry);
  void resolve();
  void resolve(SessionEntry& entry);

  // QoS 2 messages that clients have sent.
  Step<void> pass_on_incoming();
  Step<void> read_ways(std::unordered_map<std::uint64_t, IncomingMessage>& messages);
  void remember(const MosquittoDb::Subscription& chunk);
  void pass_on(const SessionEntry& publisher, std::uint64_t id, const IncomingMessage& message);
  void offer(std::uint32_t subscription, const SessionEntry& publisher, std::uint64_t id,
             const IncomingMessage& message);

  // Writing.
  Step<void> write_all();
  Step<void> write();
  Step<void> write_sessions();
  void write_session(SessionEntry& entry);
  Step<void> write_chunks();
  void write_message(const MosquittoDb::Message& chunk, MessageEntry& entry);
  Step<void> write_retained(const MosquittoDb::Message& chunk, MessageEntry& entry);
  void write_subscription(const MosquittoDb::Subscription& chunk);
  Step<void> write_deliveries();
  void write_delivery(const SessionEntry& entry, const Waiting& waiting);
  static void number(SessionEntry& entry);
  Step<void> give(bool all);

  SessionEntry& entry_of(std::string_view client_id);
  SessionEntry* kept_entry(std::string_view client_id);
  MessageEntry* find(std::uint64_t id);
  void report(std::uint64_t done);
  /// Calls `use(chunk)` for each chunk from the first on; `done_before` bytes are done.
  template <typename Use>
  Step<void> each_chunk(std::uint64_t done_before, Use&& use);

  Store& store_;
  MosquittoDb& db_;
  ImportOptions options_;
  Imported imported_;
  std::deque<SessionEntry> sessions_;  // in place: `by_client_id_` refers to their texts
  std::unordered_map<std::string_view, std::uint32_t> by_client_id_;
  std::vector<MessageEntry> messages_;  // sorted by id
  std::vector<std::uint64_t> retained_;
  std::vector<std::uint32_t> identifiers_;  // subscription identifiers of deliveries
  std::vector<std::pair<std::string, std::string>> groups_;  // share name, filter
  std::vector<KnownSubscription> subscriptions_;
  std::unordered_multimap<std::string_view, std::uint32_t> literal_;  // by filter
  std::vector<std::uint32_t> wild_;
  /// Topics of incoming messages that are retained: the message, or 0 for none any more.
  std::unordered_map<std::string, std::uint64_t> newly_retained_;
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
  Step<void> done;
  for (const Part part : {&Work::survey, &Work::sort_messages}) {
    if (done = (this->*part)(); !done) return std::unexpected(done.error().sentence);
  }
  if (const auto ready = store_.expect_much(); !ready) {
    return std::unexpected(stopped(ready.error()).error().sentence);
  }
  done = write_all();
  store_.expect_little();
  if (!done) return std::unexpected(done.error().sentence);
  return imported_;
}

Step<void> MosquittoImport::Work::write_all() {
  if (const auto begun = store_.begin(); !begun) return stopped(begun.error());
  Step<void> done = write();
  if (done) {
    if (const auto committed = store_.commit(); !committed) done = stopped(committed.error());
  }
  if (!done) store_.roll_back();
  return done;
}

template <typename Use>
Step<void> MosquittoImport::Work::each_chunk(std::uint64_t done_before, Use&& use) {
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

Step<void> MosquittoImport::Work::survey() {
  return each_chunk(0, [this](const MosquittoDb::Chunk& chunk) -> Step<void> {
    std::visit([this](const auto& each) { see(each); }, chunk);
    return {};
  });
}

void MosquittoImport::Work::see(const MosquittoDb::Message& chunk) {
  MessageEntry entry;
  entry.id = chunk.id;
  entry.offset = db_.offset();
  const std::int64_t expires_ms = chunk.expires_s * 1000;
  if (!well_formed(chunk)) {
    entry.usable = false;
    ++imported_.left_out.ill_formed;
  } else if (chunk.expires_s != 0 && expires_ms <= options_.now_milliseconds) {
    entry.usable = false;
    ++imported_.left_out.expired_messages;
  }
  messages_.push_back(entry);
}

void MosquittoImport::Work::see(const MosquittoDb::Session& chunk) {
  SessionEntry& entry = entry_of(chunk.client_id);
  entry.described = true;
  entry.user_name = chunk.user_name;
  entry.listener_port = chunk.listener_port;
  entry.last_packet_id = chunk.last_packet_id;
  entry.expiry_interval_s = chunk.expiry_interval_s;
  entry.expires_s = chunk.expires_s;
}

void MosquittoImport::Work::see(const MosquittoDb::Delivery& chunk) {
  SessionEntry& entry = entry_of(chunk.client_id);
  if (chunk.from_client) {
    // Otherwise PUBREC was not sent yet, or PUBREL has come: nothing hangs on it here.
    if (chunk.qos != 2 || chunk.state != State::wait_for_pubrel || chunk.packet_id == 0) return;
    entry.incoming.push_back(chunk.packet_id);
    entry.incoming_messages.push_back(chunk.message_id);
    return;
  }
  Waiting waiting;
  waiting.message_id = chunk.message_id;
  waiting.packet_id = chunk.packet_id;
  waiting.qos = chunk.qos;
  waiting.retain = chunk.retain;
  const bool in_flight = chunk.state == State::wait_for_puback ||
                         chunk.state == State::wait_for_pubrec ||
                         (chunk.dup && chunk.state != State::queued);
  waiting.released = chunk.qos == 2 && (chunk.state == State::resend_pubrel ||
                                        chunk.state == State::wait_for_pubcomp);
  waiting.sent = chunk.qos != 0 && chunk.packet_id != 0 && (in_flight || waiting.released);
  waiting.released = waiting.released && waiting.sent;
  waiting.first_identifier = static_cast<std::uint32_t>(identifiers_.size());
  mqtt::Cursor cursor(chunk.properties);
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    if (property.id != mqtt::PropertyId::subscription_identifier || property.number == 0) continue;
    identifiers_.push_back(property.number);
    ++waiting.identifier_count;
  }
  entry.waiting.push_back(waiting);
}

SessionEntry& MosquittoImport::Work::entry_of(std::string_view client_id) {
  if (const auto found = by_client_id_.find(client_id); found != by_client_id_.end()) {
    return sessions_[found->second];
  }
  sessions_.emplace_back().client_id = client_id;
  by_client_id_.emplace(sessions_.back().client_id,
                        static_cast<std::uint32_t>(sessions_.size() - 1));
  return sessions_.back();
}

SessionEntry* MosquittoImport::Work::kept_entry(std::string_view client_id) {
  SessionEntry& entry = entry_of(client_id);
  return entry.kept() ? &entry : nullptr;
}

Step<void> MosquittoImport::Work::sort_messages() {
  std::ranges::sort(messages_, {}, &MessageEntry::id);
  const auto twice = std::ranges::adjacent_find(messages_, {}, &MessageEntry::id);
  if (twice == messages_.end()) return {};
  const std::uint64_t offset = std::max(twice->offset, std::next(twice)->offset);
  return stopped(MosquittoDamage{offset, "expected each message once, found the id " +
                                             std::to_string(twice->id) +
                                             " a second time in the chunk that ends here"});
}

MessageEntry* MosquittoImport::Work::find(std::uint64_t id) {
  const auto found = std::ranges::lower_bound(messages_, id, {}, &MessageEntry::id);
  return found != messages_.end() && found->id == id ? &*found : nullptr;
}

Step<void> MosquittoImport::Work::write() {
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

Step<void> MosquittoImport::Work::decide() {
  for (SessionEntry& entry : sessions_) {
    const auto fate = fate_of(entry);
    if (!fate) return std::unexpected(fate.error());
    entry.fate = *fate;
    if (*fate == Fate::expired) ++imported_.left_out.expired_sessions;
    if (*fate == Fate::ended) ++imported_.left_out.ended_sessions;
    if (*fate == Fate::known) ++imported_.left_out.known_sessions;
    if (*fate == Fate::ill_formed) ++imported_.left_out.ill_formed;
  }
  for (const std::uint64_t id : retained_) {
    MessageEntry* const message = find(id);
    if (message == nullptr) ++imported_.left_out.missing_messages;
    if (message != nullptr) message->retained = true;
  }
  return {};
}

Step<Fate> MosquittoImport::Work::fate_of(SessionEntry& entry) {
  if (entry.client_id.empty() || !mqtt::is_utf8_string(entry.client_id) ||
      !mqtt::is_utf8_string(entry.user_name)) {
    return Fate::ill_formed;
  }
  if (entry.expires_s != 0 && entry.expires_s * 1000 <= options_.now_milliseconds) {
    return Fate::expired;
  }
  if (entry.expiry_interval_s == 0 && entry.expires_s == 0) {
    // Version 5 also writes sessions of before 5.0 in this way, and these never expire.
    if (db_.version() >= 6) return Fate::ended;
    entry.expiry_interval_s = MosquittoDb::never_expires;
  }
  const auto known = store_.has_session(entry.client_id);
  if (!known) return stopped(known.error());
  return *known ? Fate::known : Fate::kept;
}

// darter routes a QoS 2 message when it comes, Mosquitto at PUBREL. The client has its PUBREC, and
// will not send the message again: it has to go to its receivers now.
Step<void> MosquittoImport::Work::pass_on_incoming() {
  std::unordered_map<std::uint64_t, IncomingMessage> messages;
  for (SessionEntry& entry : sessions_) {
    if (!entry.kept()) continue;
    for (const std::uint64_t id : entry.incoming_messages) {
      const MessageEntry* const message = find(id);
      if (message == nullptr) ++imported_.left_out.missing_messages;
      if (message != nullptr && message->usable) messages.try_emplace(id);
    }
    imported_.incoming += entry.incoming.size();
  }
  if (!messages.empty()) {
    if (auto read = read_ways(messages); !read) return read;
    for (const SessionEntry& entry : sessions_) {
      if (!entry.kept()) continue;
      for (const std::uint64_t id : entry.incoming_messages) {
        const auto found = messages.find(id);
        if (found != messages.end()) pass_on(entry, id, found->second);
      }
    }
  }
  resolve();
  return {};
}

Step<void> MosquittoImport::Work::read_ways(
    std::unordered_map<std::uint64_t, IncomingMessage>& messages) {
  return each_chunk(0, [&](const MosquittoDb::Chunk& chunk) -> Step<void> {
    if (const auto* const message = std::get_if<MosquittoDb::Message>(&chunk)) {
      const auto found = messages.find(message->id);
      if (found == messages.end()) return {};
      found->second = {std::string(message->topic), message->retain, message->payload.empty()};
    }
    if (const auto* const subscription = std::get_if<MosquittoDb::Subscription>(&chunk)) {
      remember(*subscription);
    }
    return {};
  });
}

void MosquittoImport::Work::remember(const MosquittoDb::Subscription& chunk) {
  const auto parts = parts_of(chunk);
  if (kept_entry(chunk.client_id) == nullptr || !parts) return;
  KnownSubscription known;
  known.session = by_client_id_[chunk.client_id];
  known.identifier = chunk.identifier;
  known.filter = parts->filter.text();
  known.qos = chunk.qos;
  known.no_local = chunk.no_local;
  known.retain_as_published = chunk.retain_as_published;
  if (!parts->share_name.empty()) {
    std::pair group(std::string(parts->share_name), known.filter);
    // One member of a group gets the message: the first.
    if (std::ranges::find(groups_, group) != groups_.end()) return;
    groups_.push_back(std::move(group));
    known.group = static_cast<std::uint32_t>(groups_.size());
  }
  subscriptions_.push_back(std::move(known));
}

void MosquittoImport::Work::pass_on(const SessionEntry& publisher, std::uint64_t id,
                                    const IncomingMessage& message) {
  if (literal_.empty() && wild_.empty()) {
    for (std::uint32_t i = 0; i < subscriptions_.size(); ++i) {
      const std::string& filter = subscriptions_[i].filter;
      if (has_wildcard(filter)) {
        wild_.push_back(i);
      } else {
        literal_.emplace(filter, i);
      }
    }
  }
  const auto [first, last] = literal_.equal_range(message.topic);
  for (auto each = first; each != last; ++each) offer(each->second, publisher, id, message);
  for (const std::uint32_t each : wild_) {
    if (mqtt::matches(subscriptions_[each].filter, message.topic)) {
      offer(each, publisher, id, message);
    }
  }
  if (message.retain && !message.topic.starts_with("$SYS/")) {
    newly_retained_[message.topic] = message.clears ? 0 : id;
    if (MessageEntry* const entry = find(id); !message.clears) entry->retained = true;
  }
}

void MosquittoImport::Work::offer(std::uint32_t subscription, const SessionEntry& publisher,
                                  std::uint64_t id, const IncomingMessage& message) {
  const KnownSubscription& known = subscriptions_[subscription];
  SessionEntry& entry = sessions_[known.session];
  if (known.qos == 0 || (known.no_local && &entry == &publisher)) return;
  if (options_.may_receive &&
      !options_.may_receive(options_.place_of(entry.listener_port).listener, entry.user_name,
                            entry.client_id, message.topic)) {
    return;
  }
  // A second subscription of the same client adds its identifier, and may raise the QoS.
  const bool again = known.group == 0 && !entry.waiting.empty() &&
                     entry.waiting.back().message_id == id && !entry.waiting.back().sent &&
                     entry.waiting.back().group == 0;
  if (!again) {
    Waiting waiting;
    waiting.message_id = id;
    waiting.first_identifier = static_cast<std::uint32_t>(identifiers_.size());
    waiting.group = known.group;
    entry.waiting.push_back(waiting);
  }
  Waiting& waiting = entry.waiting.back();
  waiting.qos = std::max(waiting.qos, known.qos);
  waiting.retain = waiting.retain || (known.retain_as_published && message.retain);
  if (known.identifier == 0) return;
  // Identifiers of one delivery stand together.
  const auto before = identifiers_.begin() + waiting.first_identifier;
  const std::vector<std::uint32_t> mine(before, before + waiting.identifier_count);
  waiting.first_identifier = static_cast<std::uint32_t>(identifiers_.size());
  identifiers_.insert(identifiers_.end(), mine.begin(), mine.end());
  identifiers_.push_back(known.identifier);
  ++waiting.identifier_count;
}

void MosquittoImport::Work::resolve() {
  for (SessionEntry& entry : sessions_) {
    if (!entry.kept()) continue;
    resolve(entry);
    number(entry);
  }
}

/// Leaves out the deliveries whose message is not to be had, and says of the others that it is
/// wanted.
void MosquittoImport::Work::resolve(SessionEntry& entry) {
  std::erase_if(entry.waiting, [this](const Waiting& waiting) {
    if (waiting.released) return false;
    MessageEntry* const message = find(waiting.message_id);
    if (message == nullptr) ++imported_.left_out.missing_messages;
    if (message == nullptr || !message->usable) return true;
    message->wanted = true;
    return false;
  });
  // An identifier that stands twice was given to the first.
  std::unordered_set<std::uint16_t> used;
  for (Waiting& waiting : entry.waiting) {
    if (waiting.sent && !used.insert(waiting.packet_id).second) {
      waiting.sent = waiting.released = false;
      MessageEntry* const message = find(waiting.message_id);
      if (message != nullptr && message->usable) message->wanted = true;
    }
  }
}

// A client knows the identifiers of what it was sent, and answers with them: the numbers of these
// deliveries have to give the same.
void MosquittoImport::Work::number(SessionEntry& entry) {
  std::vector<Waiting>& all = entry.waiting;
  const auto unsent =
      std::stable_partition(all.begin(), all.end(), [](const Waiting& each) { return each.sent; });
  const auto assign = [&] {
    std::uint64_t next = 0;
    for (auto each = all.begin(); each != unsent; ++each) {
      std::uint64_t mine = next - next % identifiers + each->packet_id - 1;
      if (mine < next) mine += identifiers;
      each->number = mine;
      next = mine + 1;
    }
    return all.begin() == unsent || next - 1 - all.front().number <= span_max;
  };
  if (!assign()) {
    // Not in the order in which identifiers are given: begin behind the widest gap between them.
    std::sort(all.begin(), unsent,
              [](const Waiting& a, const Waiting& b) { return a.packet_id < b.packet_id; });
    auto widest = all.begin();
    std::uint64_t gap = all.front().packet_id + identifiers - std::prev(unsent)->packet_id;
    for (auto each = std::next(all.begin()); each != unsent; ++each) {
      const auto here = static_cast<std::uint64_t>(each->packet_id - std::prev(each)->packet_id);
      if (here > gap) {
        gap = here;
        widest = each;
      }
    }
    std::rotate(all.begin(), widest, unsent);
    static_cast<void>(assign());
  }
  std::uint64_t next =
      all.begin() == unsent ? entry.last_packet_id % identifiers : std::prev(unsent)->number + 1;
  for (auto each = unsent; each != all.end(); ++each) each->number = next++;
}

Step<void> MosquittoImport::Work::give(bool all) {
  if (batch_.size() == 0) return {};
  if (!all && batch_.bytes.size() < imported_portion_bytes && batch_.size() < portion_rows)
    return {};
  const auto written = store_.write(batch_);
  batch_ = {};
  if (!written) return stopped(written.error());
  return {};
}

Step<void> MosquittoImport::Work::write_sessions() {
  for (SessionEntry& entry : sessions_) {
    if (!entry.kept()) continue;
    write_session(entry);
    if (auto given = give(false); !given) return given;
  }
  return give(true);
}

void MosquittoImport::Work::write_session(SessionEntry& entry) {
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
  for (const Waiting& each : entry.waiting) {
    if (each.sent) row.sent_end = each.number + 1;
  }
  batch_.sessions.push_back(row);
  ++imported_.sessions;
  if (entry.incoming.empty()) return;
  std::vector<std::byte> ids;
  for (const std::uint16_t id : entry.incoming) {
    ids.push_back(static_cast<std::byte>(id & 0xFFU));
    ids.push_back(static_cast<std::byte>(id >> 8U));
  }
  batch_.incoming.push_back({row.key, batch_.put(mqtt::Bytes(ids))});
}

Step<void> MosquittoImport::Work::write_chunks() {
  auto done = each_chunk(db_.size_bytes(), [this](const MosquittoDb::Chunk& chunk) -> Step<void> {
    if (const auto* const subscription = std::get_if<MosquittoDb::Subscription>(&chunk)) {
      write_subscription(*subscription);
    }
    if (const auto* const message = std::get_if<MosquittoDb::Message>(&chunk)) {
      MessageEntry* const entry = find(message->id);
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

void MosquittoImport::Work::write_message(const MosquittoDb::Message& chunk, MessageEntry& entry) {
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

Step<void> MosquittoImport::Work::write_retained(const MosquittoDb::Message& chunk,
                                                 MessageEntry& entry) {
  if (chunk.topic.starts_with("$SYS/") || chunk.payload.empty()) return {};
  if (!newly_retained_.empty()) {
    const auto newer = newly_retained_.find(std::string(chunk.topic));
    if (newer != newly_retained_.end() && newer->second != chunk.id) return {};
  }
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
  const SessionEntry* const entry = kept_entry(chunk.client_id);
  if (entry == nullptr) return;
  const auto parts = parts_of(chunk);
  if (!parts) {
    ++imported_.left_out.ill_formed;
    return;
  }
  JournalBatch::Subscription row;
  row.session = broker::SessionKey{entry->key};
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

Step<void> MosquittoImport::Work::write_deliveries() {
  for (const SessionEntry& entry : sessions_) {
    if (!entry.kept()) continue;
    for (const Waiting& waiting : entry.waiting) write_delivery(entry, waiting);
    if (auto given = give(false); !given) return given;
  }
  return give(true);
}

void MosquittoImport::Work::write_delivery(const SessionEntry& entry, const Waiting& waiting) {
  JournalBatch::Delivery row;
  row.name = {broker::SessionKey{entry.key}, waiting.number};
  if (!waiting.released) row.message = broker::MessageKey{find(waiting.message_id)->key};
  row.qos = static_cast<mqtt::Qos>(waiting.qos);
  row.retain = waiting.retain;
  row.released = waiting.released;
  const std::size_t before = batch_.bytes.size();
  for (std::uint32_t i = 0; i < waiting.identifier_count; ++i) {
    const std::uint32_t id = identifiers_[waiting.first_identifier + i];
    for (std::size_t shift = 0; shift < 32; shift += 8) {
      batch_.bytes.push_back(static_cast<std::uint8_t>(id >> shift & 0xFFU));
    }
  }
  row.subscription_identifiers = {before, batch_.bytes.size() - before};
  if (waiting.group != 0) {
    row.share_name = batch_.put(groups_[waiting.group - 1].first);
    row.share_filter = batch_.put(groups_[waiting.group - 1].second);
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
