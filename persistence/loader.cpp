#include <algorithm>
#include <bit>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/key_table.h"
#include "persistence/row.h"
#include "persistence/store.h"

namespace persistence {
namespace {

using broker::JournalBatch;

/// Rows are given away in portions of this size.
constexpr std::size_t portion_bytes = std::size_t{4} << 20U;
/// How often the log says how far it is, and after how many rows the clock is looked at.
constexpr auto line_interval = std::chrono::seconds(1);
constexpr std::uint64_t rows_per_look = 8192;
/// A store from this size on is told of before it is read.
constexpr std::uint64_t large_bytes = std::uint64_t{4} << 20U;

/// Takes the rows out and keeps the memory, which is wanted again at once: given back to the heap
/// in portions of megabytes it would be sorted in and cut up each time.
void empty(JournalBatch& batch) {
  batch.sessions.clear();
  batch.subscriptions.clear();
  batch.messages.clear();
  batch.forwards.clear();
  batch.deliveries.clear();
  batch.incoming.clear();
  batch.retained.clear();
  batch.bytes.clear();
}

}  // namespace

/// Reads all tables, in the order in which rows refer to each other.
class Store::Loader {
 public:
  Loader(Store& store, const Restorer& restorer)
      : store_(store), restorer_(restorer), batches_(restorer.shards) {}

  Answer<Loaded> load() {
    assert(restorer_.shards > 0 && restorer_.shards <= 64);  // Holders has a bit for each
    if (auto told = announce(); !told) return std::unexpected(told.error());
    using Step = Answer<void> (Loader::*)();
    for (const Step step :
         {&Loader::sessions, &Loader::subscriptions, &Loader::messages, &Loader::forwards,
          &Loader::deliveries, &Loader::incoming, &Loader::retained}) {
      if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
      give_all();
    }
    count_holders();
    clean();
    if (unsound_ > 0) {
      store_.log_.write_event(broker::LogType::error, {.event = broker::Event::store_damaged},
                              "The store " + store_.path() +
                                  " is damaged: " + std::to_string(unsound_) +
                                  " rows make no sense and were left out.");
    }
    return loaded_;
  }

 private:
  using Text = JournalBatch::Text;

  /// The holders of references to a message.
  struct Holders {
    std::uint64_t shards = 0;  // one bit each
    bool forwarded = false;    // it is on its way from one to another
  };

  void give(std::uint32_t shard) {
    assert(shard < batches_.size());
    if (batches_[shard].size() == 0) return;
    restorer_.restore(shard, batches_[shard]);
    empty(batches_[shard]);
  }
  void give_all() {
    for (std::uint32_t shard = 0; shard < restorer_.shards; ++shard) give(shard);
  }
  /// A row was added for a shard.
  void added(std::uint32_t shard) {
    if (batches_[shard].bytes.size() >= portion_bytes) give(shard);
    if (++rows_ % rows_per_look != 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_line_ < line_interval) return;
    last_line_ = now;
    store_.log_.write_event(broker::LogType::information, {.event = broker::Event::store_loading},
                            "Loading the store: " + std::to_string(rows_) + " rows so far.");
  }
  Answer<void> announce() {
    const auto bytes = store_.database_.value(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    if (!bytes) return std::unexpected(bytes.error());
    const std::uint64_t size = std::stoull(*bytes);
    if (size < large_bytes) return {};
    store_.log_.write_event(
        broker::LogType::information, {.event = broker::Event::store_loading},
        "Loading the store " + store_.path() + ", " + std::to_string(size >> 20U) + " MiB.");
    return {};
  }
  /// Tells the store of messages that more than one refers to, and of those on their way.
  void count_holders() {
    for (const auto& [key, holders] : messages_) {
      const int count = std::popcount(holders.shards) + (holders.forwarded ? 1 : 0);
      if (count > 1) store_.holders_.set(key, static_cast<std::uint32_t>(count));
      if (holders.forwarded) store_.forwarded_.push_back(key);
    }
  }
  /// Deletes messages that nobody refers to: the process may have ended between the transaction
  /// that took the last reference and the one that was to take the message.
  void clean() {
    std::vector<std::uint64_t> garbage;
    for (const auto& [key, holders] : messages_) {
      if (holders.shards == 0 && !holders.forwarded) garbage.push_back(key);
    }
    // On a full disk, say, they stay for the next start.
    if (store_.delete_messages(garbage)) loaded_.cleaned = garbage.size();
  }
  /// Also of rows that are left out: their keys are taken.
  void saw(std::uint64_t key) {
    if (key <= static_cast<std::uint64_t>(Row::key_max)) {
      loaded_.last_key = std::max(loaded_.last_key, key);
    }
  }
  void holds(std::uint64_t message, std::uint32_t shard) {
    Holders* const holders = messages_.find(message);
    assert(shard < restorer_.shards);
    if (holders != nullptr) holders->shards |= std::uint64_t{1} << shard;
  }
  /// A row that is not is left out.
  [[nodiscard]] bool is_sound(const Row& row) {
    if (!row.sound()) ++unsound_;
    return row.sound();
  }

  /// Calls `row(Statement&)` for each row of a query.
  template <typename Row>
  Answer<void> each(std::string_view sql, Row&& row) {
    auto statement = store_.database_.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    for (;;) {
      auto more = statement->next();
      if (!more) return std::unexpected(more.error());
      if (!*more) return {};
      row(*statement);
    }
  }

  Answer<void> sessions() {
    return each(
        "SELECT id, client_id, user_name, mount_point, listener, protocol_version, bridge, "
        "connected, expiry_interval_s, expires_ms, sent_end, will_topic, will_payload, "
        "will_properties, will_qos, will_retain, will_delay_s, will_expiry_s, will_due_ms "
        "FROM session ORDER BY id",
        [this](Statement& read) { session(read); });
  }

  void session(Statement& read) {
    Row column(read);
    const std::uint64_t key = column.key();
    const std::string_view client_id = column.text();
    const std::uint32_t shard = restorer_.home_of(client_id);
    JournalBatch& batch = batches_[shard];
    JournalBatch::Session row;
    row.key = broker::SessionKey{key};
    row.client_id = batch.put(client_id);
    row.user_name = batch.put(column.text());
    row.mount_point = batch.put(column.text());
    row.listener = column.number<std::uint16_t>();
    row.version = static_cast<mqtt::Version>(column.number<std::uint8_t>());
    row.from_bridge = column.flag();
    row.connected = column.flag();
    row.expiry_interval_seconds = column.number<std::uint32_t>();
    row.expires = at_most(store_.clock_.from_wall(column.wall()), row.expiry_interval_seconds);
    row.sent_end = column.number<std::uint64_t>();
    row.will = will(column, batch);
    saw(key);
    if (!is_sound(column)) return;
    homes_.add(key, shard);
    batch.sessions.push_back(row);
    ++loaded_.sessions;
    added(shard);
  }

  JournalBatch::Will will(Row& column, JournalBatch& batch) {
    JournalBatch::Will row;
    row.topic = batch.put(column.text());
    row.payload = batch.put(column.data());
    row.properties = batch.put(column.data());
    row.qos = column.qos();
    row.retain = column.flag();
    row.delay_interval_seconds = column.number<std::uint32_t>();
    if (const auto expiry = column.number_or_null(0, UINT32_MAX)) {
      row.message_expiry_interval_seconds = static_cast<std::uint32_t>(*expiry);
    }
    row.due = at_most(store_.clock_.from_wall(column.wall()), row.delay_interval_seconds);
    return row;
  }

  /// A wrong clock must not make more of an interval than it was.
  [[nodiscard]] std::optional<broker::Instant> at_most(std::optional<broker::Instant> end,
                                                       std::uint32_t interval_seconds) const {
    const std::int64_t most =
        store_.clock_.instant_milliseconds() + std::int64_t{interval_seconds} * 1000;
    if (end) end->milliseconds = std::min(end->milliseconds, most);
    return end;
  }

  Answer<void> subscriptions() {
    return each(
        "SELECT session_id, share_name, filter, qos, no_local, retain_as_published, identifier "
        "FROM subscription",
        [this](Statement& read) {
          Row column(read);
          const std::uint64_t session = column.key();
          const std::uint32_t* const home = homes_.find(session);
          if (home == nullptr) return;
          JournalBatch& batch = batches_[*home];
          JournalBatch::Subscription row;
          row.session = broker::SessionKey{session};
          row.present = true;
          row.share_name = batch.put(column.text());
          row.filter = batch.put(column.text());
          row.qos = column.qos();
          row.no_local = column.flag();
          row.retain_as_published = column.flag();
          row.subscription_identifier = column.number<std::uint32_t>();
          if (!is_sound(column)) return;
          batch.subscriptions.push_back(row);
          ++loaded_.subscriptions;
          added(*home);
        });
  }

  Answer<void> messages() {
    return each(
        "SELECT id, topic, payload, properties, qos, retain, expires_ms FROM message ORDER BY id",
        [this](Statement& read) { message(read); });
  }

  void message(Statement& read) {
    Row column(read);
    const std::uint64_t key = column.key();
    const std::string_view topic = column.text();
    const mqtt::Bytes payload = column.data();
    const mqtt::Bytes properties = column.data();
    const mqtt::Qos qos = column.qos();
    const bool retain = column.flag();
    const auto expires = store_.clock_.from_wall(column.wall());
    saw(key);
    messages_.add(key, {});
    if (!is_sound(column)) return;
    if (restorer_.shards > 1) {
      auto shared =
          broker::SharedMessage::copy_of({topic, payload, properties, qos, retain, expires});
      shared.key = broker::MessageKey{key};
      restorer_.share(shared);
      return;
    }
    JournalBatch& batch = batches_[0];
    batch.messages.push_back({broker::MessageKey{key}, false, qos, retain, expires,
                              batch.put(topic), batch.put(properties), batch.put(payload)});
    added(0);
  }

  /// Every shard finds the receivers among its own subscribers.
  Answer<void> forwards() {
    return each(
        "SELECT id, message_id, to_loop, loops, home_key_1, home_key_2, share_name, share_filter, "
        "retain_count, client_id, user_name, listener FROM forward ORDER BY id",
        [this](Statement& read) { forward(read); });
  }

  void forward(Statement& read) {
    Row column(read);
    JournalBatch::Forward row;
    const std::uint64_t key = column.key();
    const std::uint64_t message = column.key();
    row.key = broker::ForwardKey{key};
    row.message = broker::MessageKey{message};
    row.to = column.number<std::uint32_t>();
    row.shards = column.number<std::uint32_t>();
    row.home_key[0] = column.bits();
    row.home_key[1] = column.bits();
    const std::string_view share_name = column.text();
    const std::string_view share_filter = column.text();
    row.retain_count = column.number<std::uint64_t>();
    const std::string_view client_id = column.text();
    const std::string_view user_name = column.text();
    row.listener = column.number<std::uint16_t>();
    saw(key);
    if (!is_sound(column)) return;
    if (Holders* const holders = messages_.find(message)) holders->forwarded = true;
    for (std::uint32_t shard = 0; shard < restorer_.shards; ++shard) {
      JournalBatch& batch = batches_[shard];
      row.share_name = batch.put(share_name);
      row.share_filter = batch.put(share_filter);
      row.client_id = batch.put(client_id);
      row.user_name = batch.put(user_name);
      batch.forwards.push_back(row);
      added(shard);
    }
    ++loaded_.forwards;
  }

  Answer<void> deliveries() {
    return each(
        "SELECT session_id, number, message_id, qos, retain, identifiers, share_name, share_filter "
        "FROM delivery ORDER BY session_id, number",
        [this](Statement& read) { delivery(read); });
  }

  void delivery(Statement& read) {
    Row column(read);
    const std::uint64_t session = column.key();
    const std::uint32_t* const home = homes_.find(session);
    if (home == nullptr) return;
    JournalBatch& batch = batches_[*home];
    JournalBatch::Delivery row;
    row.name = {broker::SessionKey{session}, column.number<std::uint64_t>()};
    const auto message = column.number_or_null(1, Row::key_max);
    row.released = !message;
    row.message = broker::MessageKey{message.value_or(0)};
    row.qos = column.qos();
    row.retain = column.flag();
    row.subscription_identifiers = batch.put(column.data());
    row.share_name = batch.put(column.text());
    row.share_filter = batch.put(column.text());
    if (!is_sound(column)) return;
    if (message) holds(*message, *home);
    batch.deliveries.push_back(row);
    ++loaded_.queued;
    added(*home);
  }

  Answer<void> incoming() {
    return each("SELECT session_id, packet_id FROM incoming", [this](Statement& read) {
      Row column(read);
      const std::uint64_t session = column.key();
      const std::uint32_t* const home = homes_.find(session);
      const auto packet_id = column.number<std::uint16_t>();
      if (home == nullptr || !is_sound(column)) return;
      batches_[*home].incoming.push_back(
          {broker::SessionKey{session}, mqtt::PacketId{packet_id}, true});
      added(*home);
    });
  }

  /// Every shard has a replica; `keeper_of` stores it.
  Answer<void> retained() {
    return each(
        "SELECT topic, message_id, client_id, user_name, listener FROM retained",
        [this](Statement& read) {
          Row column(read);
          const std::string_view topic = column.text();
          const std::uint64_t message = column.key();
          const std::string_view client_id = column.text();
          const std::string_view user_name = column.text();
          const auto listener = column.number<std::uint16_t>();
          if (!is_sound(column)) return;
          holds(message, restorer_.keeper_of(topic));
          for (std::uint32_t shard = 0; shard < restorer_.shards; ++shard) {
            JournalBatch& batch = batches_[shard];
            batch.retained.push_back({batch.put(topic), broker::MessageKey{message},
                                      batch.put(client_id), batch.put(user_name), listener});
            added(shard);
          }
          ++loaded_.retained;
        });
  }

  Store& store_;
  const Restorer& restorer_;
  std::vector<JournalBatch> batches_;
  broker::KeyTable<std::uint64_t, std::uint32_t> homes_;  // of sessions
  broker::KeyTable<std::uint64_t, Holders> messages_;     // all that there are
  Loaded loaded_;
  std::uint64_t rows_ = 0;
  std::chrono::steady_clock::time_point last_line_ = std::chrono::steady_clock::now();
  std::uint64_t unsound_ = 0;
};

Answer<Loaded> Store::load(const Restorer& restorer) { return Loader(*this, restorer).load(); }

}  // namespace persistence
