#include <algorithm>
#include <bit>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/key_table.h"
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

}  // namespace

/// Reads all tables, in the order in which rows refer to each other.
class Store::Loader {
 public:
  Loader(Store& store, const Restorer& restorer)
      : store_(store), restorer_(restorer), batches_(restorer.shards) {}

  Answer<Loaded> load() {
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
    return loaded_;
  }

 private:
  using Text = JournalBatch::Text;

  /// Who refers to a message.
  struct Holders {
    std::uint64_t shards = 0;  // one bit each
    bool forwarded = false;    // it is on its way from one to another
  };

  void give(std::uint32_t shard) {
    if (batches_[shard].size() == 0) return;
    restorer_.restore(shard, std::exchange(batches_[shard], {}));
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
    store_.log_.write(broker::LogType::information,
                      "Loading the store: " + std::to_string(rows_) + " rows so far.");
  }
  Answer<void> announce() {
    const auto bytes = store_.database_.value(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    if (!bytes) return std::unexpected(bytes.error());
    const std::uint64_t size = std::stoull(*bytes);
    if (size < large_bytes) return {};
    store_.log_.write(broker::LogType::information, "Loading the store " + store_.path() + ", " +
                                                        std::to_string(size >> 20U) + " MiB.");
    return {};
  }
  /// Tells the store of messages that more than one refers to, and of those on their way.
  void count_holders() {
    for (const auto& [key, holders] : messages_) {
      const int count = std::popcount(holders.shards) + (holders.forwarded ? 1 : 0);
      if (count > 1) store_.holders_[key] = static_cast<std::uint32_t>(count);
      if (holders.forwarded) store_.forwarded_.push_back(key);
    }
  }
  /// Deletes messages that nobody refers to: the process may have ended between the transaction
  /// that took the last reference and the one that was to take the message.
  void clean() {
    std::vector<std::int64_t> garbage;
    for (const auto& [key, holders] : messages_) {
      if (holders.shards == 0 && !holders.forwarded) {
        garbage.push_back(static_cast<std::int64_t>(key));
      }
    }
    // On a full disk, say, they stay for the next start.
    if (store_.delete_messages(garbage)) loaded_.cleaned = garbage.size();
  }
  void saw(std::int64_t key) {
    loaded_.last_key = std::max(loaded_.last_key, static_cast<std::uint64_t>(key));
  }
  void holds(std::int64_t message, std::uint32_t shard) {
    Holders* const holders = messages_.find(static_cast<std::uint64_t>(message));
    if (holders != nullptr) holders->shards |= std::uint64_t{1} << shard;
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
    const std::int64_t key = read.integer();
    saw(key);
    const std::string_view client_id = read.text();
    const std::uint32_t shard = restorer_.home_of(client_id);
    homes_.add(static_cast<std::uint64_t>(key), shard);
    JournalBatch& batch = batches_[shard];
    JournalBatch::Session row;
    row.key = broker::SessionKey{static_cast<std::uint64_t>(key)};
    row.client_id = batch.put(client_id);
    row.user_name = batch.put(read.text());
    row.mount_point = batch.put(read.text());
    row.listener = static_cast<std::uint16_t>(read.integer());
    row.version = static_cast<mqtt::Version>(read.integer());
    row.from_bridge = read.integer() != 0;
    row.connected = read.integer() != 0;
    row.expiry_interval_seconds = static_cast<std::uint32_t>(read.integer());
    row.expires = store_.from_wall(read.integer_or_null());
    row.sent_end = static_cast<std::uint64_t>(read.integer());
    row.will = will(read, batch);
    batch.sessions.push_back(row);
    ++loaded_.sessions;
    added(shard);
  }

  JournalBatch::Will will(Statement& read, JournalBatch& batch) {
    JournalBatch::Will row;
    row.topic = batch.put(read.text());
    row.payload = batch.put(read.text());
    row.properties = batch.put(read.text());
    row.qos = static_cast<mqtt::Qos>(read.integer());
    row.retain = read.integer() != 0;
    row.delay_interval_seconds = static_cast<std::uint32_t>(read.integer());
    if (const auto expiry = read.integer_or_null()) {
      row.message_expiry_interval_seconds = static_cast<std::uint32_t>(*expiry);
    }
    row.due = store_.from_wall(read.integer_or_null());
    return row;
  }

  Answer<void> subscriptions() {
    return each(
        "SELECT session_id, share_name, filter, qos, no_local, retain_as_published, identifier "
        "FROM subscription",
        [this](Statement& read) {
          const auto session = static_cast<std::uint64_t>(read.integer());
          const std::uint32_t* const home = homes_.find(session);
          if (home == nullptr) return;
          JournalBatch& batch = batches_[*home];
          JournalBatch::Subscription row;
          row.session = broker::SessionKey{session};
          row.present = true;
          row.share_name = batch.put(read.text());
          row.filter = batch.put(read.text());
          row.qos = static_cast<mqtt::Qos>(read.integer());
          row.no_local = read.integer() != 0;
          row.retain_as_published = read.integer() != 0;
          row.subscription_identifier = static_cast<std::uint32_t>(read.integer());
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
    const std::int64_t key = read.integer();
    saw(key);
    messages_.add(static_cast<std::uint64_t>(key), {});
    const std::string_view topic = read.text();
    const mqtt::Bytes payload = mqtt::as_bytes(read.text());
    const mqtt::Bytes properties = mqtt::as_bytes(read.text());
    const auto qos = static_cast<mqtt::Qos>(read.integer());
    const bool retain = read.integer() != 0;
    const auto expires = store_.from_wall(read.integer_or_null());
    if (restorer_.shards > 1) {
      auto shared =
          broker::SharedMessage::copy_of({topic, payload, properties, qos, retain, expires});
      shared.key = broker::MessageKey{static_cast<std::uint64_t>(key)};
      restorer_.share(shared);
      return;
    }
    JournalBatch& batch = batches_[0];
    batch.messages.push_back({broker::MessageKey{static_cast<std::uint64_t>(key)}, false, qos,
                              retain, expires, batch.put(topic), batch.put(properties),
                              batch.put(payload)});
    added(0);
  }

  /// Every shard looks for itself whom they are for.
  Answer<void> forwards() {
    return each(
        "SELECT id, message_id, to_loop, loops, home_key_1, home_key_2, share_name, share_filter, "
        "retain_count, client_id, user_name, listener FROM forward ORDER BY id",
        [this](Statement& read) { forward(read); });
  }

  void forward(Statement& read) {
    JournalBatch::Forward row;
    const std::int64_t key = read.integer();
    const std::int64_t message = read.integer();
    saw(key);
    if (Holders* const holders = messages_.find(static_cast<std::uint64_t>(message))) {
      holders->forwarded = true;
    }
    row.key = broker::ForwardKey{static_cast<std::uint64_t>(key)};
    row.message = broker::MessageKey{static_cast<std::uint64_t>(message)};
    row.to = static_cast<std::uint32_t>(read.integer());
    row.shards = static_cast<std::uint32_t>(read.integer());
    row.home_key[0] = static_cast<std::uint64_t>(read.integer());
    row.home_key[1] = static_cast<std::uint64_t>(read.integer());
    const std::string_view share_name = read.text();
    const std::string_view share_filter = read.text();
    row.retain_count = static_cast<std::uint64_t>(read.integer());
    const std::string_view client_id = read.text();
    const std::string_view user_name = read.text();
    row.listener = static_cast<std::uint16_t>(read.integer());
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
    const auto session = static_cast<std::uint64_t>(read.integer());
    const std::uint32_t* const home = homes_.find(session);
    if (home == nullptr) return;
    JournalBatch& batch = batches_[*home];
    JournalBatch::Delivery row;
    row.name = {broker::SessionKey{session}, static_cast<std::uint64_t>(read.integer())};
    const auto message = read.integer_or_null();
    row.released = !message;
    if (message) {
      row.message = broker::MessageKey{static_cast<std::uint64_t>(*message)};
      holds(*message, *home);
    }
    row.qos = static_cast<mqtt::Qos>(read.integer());
    row.retain = read.integer() != 0;
    row.subscription_identifiers = batch.put(read.text());
    row.share_name = batch.put(read.text());
    row.share_filter = batch.put(read.text());
    batch.deliveries.push_back(row);
    ++loaded_.queued;
    added(*home);
  }

  Answer<void> incoming() {
    return each("SELECT session_id, packet_ids FROM incoming", [this](Statement& read) {
      const auto session = static_cast<std::uint64_t>(read.integer());
      const std::uint32_t* const home = homes_.find(session);
      if (home == nullptr) return;
      JournalBatch& batch = batches_[*home];
      batch.incoming.push_back({broker::SessionKey{session}, batch.put(read.text())});
      added(*home);
    });
  }

  /// Every shard has a replica; `keeper_of` stores it.
  Answer<void> retained() {
    return each("SELECT topic, message_id, client_id, user_name, listener FROM retained",
                [this](Statement& read) {
                  const std::string_view topic = read.text();
                  const std::int64_t message = read.integer();
                  const std::string_view client_id = read.text();
                  const std::string_view user_name = read.text();
                  const auto listener = static_cast<std::uint16_t>(read.integer());
                  holds(message, restorer_.keeper_of(topic));
                  for (std::uint32_t shard = 0; shard < restorer_.shards; ++shard) {
                    JournalBatch& batch = batches_[shard];
                    batch.retained.push_back(
                        {batch.put(topic), broker::MessageKey{static_cast<std::uint64_t>(message)},
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
};

Answer<Loaded> Store::load(const Restorer& restorer) { return Loader(*this, restorer).load(); }

}  // namespace persistence
