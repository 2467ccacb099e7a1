#include "test/persistence/fixture.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <unistd.h>

#include "persistence/database.h"

namespace test {

using broker::JournalBatch;
using broker::MessageKey;
using broker::SessionKey;

void Lines::write(broker::LogType type, std::string_view line) {
  const std::lock_guard lock(mutex_);
  lines_.emplace_back(type, line);
}

std::size_t Lines::count(broker::LogType type, std::string_view text) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(lines_, [&](const auto& line) {
    return line.first == type && line.second.find(text) != std::string::npos;
  }));
}

Folder::Folder() {
  const std::filesystem::path base = std::filesystem::exists("/dev/shm")
                                         ? std::filesystem::path("/dev/shm")
                                         : std::filesystem::temp_directory_path();
  std::string name = (base / "darter-store-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Folder::~Folder() { std::filesystem::remove_all(path_); }

Rows& Rows::session(std::uint64_t key, std::string_view client_id) {
  JournalBatch::Session row;
  row.key = SessionKey{key};
  row.client_id = batch.put(client_id);
  row.expiry_interval_seconds = 0xFFFF'FFFF;
  batch.sessions.push_back(row);
  return *this;
}

Rows& Rows::subscription(std::uint64_t session, std::string_view filter, bool present,
                         std::string_view share_name) {
  JournalBatch::Subscription row;
  row.session = SessionKey{session};
  row.share_name = batch.put(share_name);
  row.filter = batch.put(filter);
  row.present = present;
  row.qos = mqtt::Qos::at_least_once;
  row.no_local = true;
  row.subscription_identifier = 268'435'455;
  batch.subscriptions.push_back(row);
  return *this;
}

Rows& Rows::message(std::uint64_t key, std::string_view topic, std::string_view payload) {
  JournalBatch::Message row;
  row.key = MessageKey{key};
  row.qos = mqtt::Qos::exactly_once;
  row.topic = batch.put(topic);
  row.payload = batch.put(payload);
  batch.messages.push_back(row);
  return *this;
}

Rows& Rows::delivery(std::uint64_t session, std::uint64_t number, std::uint64_t message) {
  JournalBatch::Delivery row;
  row.name = {SessionKey{session}, number};
  row.message = MessageKey{message};
  row.released = message == 0;
  row.qos = mqtt::Qos::exactly_once;
  row.subscription_identifiers = batch.put(std::string_view("\7\0\0\0", 4));
  batch.deliveries.push_back(row);
  return *this;
}

Rows& Rows::finished(std::uint64_t session, std::uint64_t number) {
  batch.finished.push_back({SessionKey{session}, number});
  return *this;
}

Rows& Rows::released(std::uint64_t session, std::uint64_t number) {
  batch.released.push_back({SessionKey{session}, number});
  return *this;
}

Rows& Rows::incoming(std::uint64_t session, std::uint16_t packet_id, bool present) {
  batch.incoming.push_back({SessionKey{session}, mqtt::PacketId{packet_id}, present});
  return *this;
}

Rows& Rows::retained(std::string_view topic, std::uint64_t message) {
  JournalBatch::Retained row;
  row.topic = batch.put(topic);
  row.message = MessageKey{message};
  row.client_id = batch.put("publisher");
  row.user_name = batch.put("user");
  row.listener = 1;
  batch.retained.push_back(row);
  return *this;
}

Rows& Rows::forward(std::uint64_t key, std::uint64_t message, std::string_view share_name) {
  JournalBatch::Forward row;
  row.key = broker::ForwardKey{key};
  row.message = MessageKey{message};
  row.to = 2;
  row.shards = 3;
  row.home_key[0] = 0xFFFF'FFFF'FFFF'FFF0;
  row.home_key[1] = 5;
  row.share_name = batch.put(share_name);
  row.share_filter = batch.put(share_name.empty() ? "" : "f/#");
  row.retain_count = 77;
  row.client_id = batch.put("publisher");
  batch.forwards.push_back(row);
  return *this;
}

Rows& Rows::arrived(std::uint64_t key) {
  batch.arrived.push_back(broker::ForwardKey{key});
  return *this;
}

Rows& Rows::ended(std::uint64_t session) {
  batch.ended_sessions.push_back(SessionKey{session});
  return *this;
}

Rows& Rows::dropped(std::uint64_t message) {
  batch.dropped_messages.push_back(MessageKey{message});
  return *this;
}

namespace {

template <typename T>
std::string number(T value) {
  return std::to_string(static_cast<std::uint64_t>(value));
}

/// Every member of every row.
class Describe {
 public:
  Describe(std::uint32_t shard, const JournalBatch& batch, std::vector<std::string>& rows)
      : shard_(shard), batch_(batch), rows_(rows) {
    for (const auto& row : batch.sessions) session(row);
    for (const auto& row : batch.subscriptions) {
      say("subscription", {number(row.session), text(row.share_name), text(row.filter),
                           number(row.qos), number(row.no_local), number(row.retain_as_published),
                           number(row.subscription_identifier)});
    }
    for (const auto& row : batch.messages) {
      say("message", {number(row.key), text(row.topic), text(row.payload), text(row.properties),
                      number(row.qos), number(row.retain), instant(row.expires)});
    }
    for (const auto& row : batch.deliveries) {
      say("delivery", {number(row.name.session), number(row.name.number), number(row.message),
                       number(row.qos), number(row.retain), number(row.released),
                       number(row.subscription_identifiers.size_bytes), text(row.share_name),
                       text(row.share_filter)});
    }
    for (const auto& row : batch.incoming) {
      say("incoming", {number(row.session), number(row.packet_id)});
    }
    for (const auto& row : batch.retained) {
      say("retained", {text(row.topic), number(row.message), text(row.client_id),
                       text(row.user_name), number(row.listener)});
    }
    for (const auto& row : batch.forwards) {
      say("forward", {number(row.key), number(row.message), number(row.to), number(row.shards),
                      number(row.home_key[0]), number(row.home_key[1]), text(row.share_name),
                      text(row.share_filter), number(row.retain_count), text(row.client_id),
                      text(row.user_name), number(row.listener)});
    }
  }

 private:
  void session(const JournalBatch::Session& row) {
    const JournalBatch::Will& will = row.will;
    say("session",
        {number(row.key), text(row.client_id), text(row.user_name), text(row.mount_point),
         number(row.listener), number(row.version), number(row.from_bridge), number(row.connected),
         number(row.expiry_interval_seconds), instant(row.expires), number(row.sent_end)});
    if (will.topic.size_bytes == 0) return;
    say("will",
        {text(will.topic), text(will.payload), text(will.properties), number(will.qos),
         number(will.retain), number(will.delay_interval_seconds),
         will.message_expiry_interval_seconds ? number(*will.message_expiry_interval_seconds) : "-",
         instant(will.due)});
  }
  std::string text(const JournalBatch::Text& part) const { return std::string(batch_.text(part)); }
  static std::string instant(const std::optional<broker::Instant>& when) {
    return when ? std::to_string(when->milliseconds) : "-";
  }
  void say(std::string_view kind, std::initializer_list<std::string> values) {
    std::string row = std::to_string(shard_) + " " + std::string(kind);
    for (const std::string& value : values) row += "|" + value;
    rows_.push_back(std::move(row));
  }

  std::uint32_t shard_;
  const JournalBatch& batch_;
  std::vector<std::string>& rows_;
};

}  // namespace

Contents contents_of(persistence::Store& store, std::uint32_t shards) {
  Contents contents;
  persistence::Restorer restorer;
  restorer.shards = shards;
  restorer.home_of = [shards](std::string_view id) {
    return static_cast<std::uint32_t>(id.back() - '0') % shards;
  };
  restorer.keeper_of = [](std::string_view) { return 0U; };
  restorer.restore = [&](std::uint32_t shard, const JournalBatch& batch) {
    const Describe describe(shard, batch, contents.rows);
  };
  restorer.share = [&](const broker::SharedMessage& message) {
    contents.rows.push_back("shared message " + number(message.key) + " " +
                            std::string(mqtt::as_text(message.view().payload)));
  };
  auto loaded = store.load(restorer);
  REQUIRE(loaded);
  contents.loaded = *loaded;
  return contents;
}

std::unique_ptr<persistence::Store> open_store(const std::string& path, broker::Log& log) {
  persistence::StoreOptions options;
  options.path = path;
  auto store = persistence::Store::open(options, log);
  INFO((store ? std::string() : store.error()));
  REQUIRE(store);
  return std::move(*store);
}

persistence::Answer<void> write(persistence::Store& store,
                                std::initializer_list<const Rows*> batches) {
  auto done = store.begin();
  for (const Rows* const rows : batches) {
    if (done) done = store.write(rows->batch);
  }
  if (done) done = store.commit();
  if (!done) store.roll_back();
  return done;
}

persistence::Answer<void> write(persistence::Store& store, const Rows& rows) {
  return write(store, {&rows});
}

std::string value_in(const std::string& path, const std::string& sql) {
  auto database = persistence::Database::open(path);
  REQUIRE(database);
  auto value = database->value(sql);
  INFO((value ? std::string() : value.error().what));
  REQUIRE(value);
  return *value;
}

}  // namespace test
