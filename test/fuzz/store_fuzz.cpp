// A store as a damaged disk may leave it: rows that make no sense, and bytes that were changed. The
// broker that begins with it may set it aside or leave rows out, but it runs, and what it then says
// to clients is MQTT.

#include <fstream>
#include <sqlite3.h>
#include <string>
#include <vector>

#include "broker/restart.h"
#include "broker/shard.h"
#include "persistence/store.h"
#include "test/core/stream.h"
#include "test/fuzz/folder.h"
#include "test/fuzz/input.h"
#include "test/fuzz/output_reader.h"
#include "test/host.h"
#include "test/packets.h"

namespace {

using fuzz::require;
using persistence::Store;

constexpr std::string_view texts[] = {"a",   "b", "c",   "t",  "t/a",    "t/#", "+/a", "u", "",
                                      "a/+", "#", "#/a", "+x", "$SYS/x", "g",   "g/h", "m/"};

class Silence final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return true; }
  void write(broker::LogType /*type*/, std::string_view line) override {
    require(!line.empty(), "a log line says something");
  }
};

const fuzz::Folder& folder() {
  static const fuzz::Folder made;
  return made;
}

/// A store without rows, as bytes of a file that needs no write-ahead log.
const std::string& empty_store() {
  static const std::string bytes = [] {
    Silence log;
    folder().clean();
    require(Store::open({.path = folder().file()}, log).has_value(), "a store can be made");
    std::ifstream file(folder().file(), std::ios::binary);
    std::string image{std::istreambuf_iterator<char>(file), {}};
    image[18] = image[19] = 1;  // the versions of the file format: rollback journal
    return image;
  }();
  return bytes;
}

/// Puts rows of any kind into a store that is only in memory.
class Rows {
 public:
  explicit Rows(fuzz::Input& input) : input_(input) {
    const std::string& image = empty_store();
    require(sqlite3_open(":memory:", &database_) == SQLITE_OK, "SQLite works");
    const auto size = static_cast<sqlite3_int64>(image.size());
    auto* const copy = static_cast<unsigned char*>(sqlite3_malloc64(image.size()));
    std::copy(image.begin(), image.end(), copy);
    sqlite3_deserialize(database_, "main", copy, size, size,
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
  }
  ~Rows() { sqlite3_close(database_); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  void fill() {
    sqlite3_exec(database_, "BEGIN", nullptr, nullptr, nullptr);
    for (std::size_t count = input_.below(24); count > 0; --count) row();
    sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr);
  }

  [[nodiscard]] std::string image() const {
    sqlite3_int64 size = 0;
    unsigned char* const bytes = sqlite3_serialize(database_, "main", &size, 0);
    std::string copy(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    sqlite3_free(bytes);
    return copy;
  }

 private:
  /// For each column: k a key, t a text, v a version, q a QoS, f a flag, n a number, m an instant,
  /// b bytes.
  struct Table {
    const char* name;
    std::string_view columns;
  };
  static constexpr Table tables[] = {
      {"session", "ktttnvffnmntbbqfnnm"}, {"subscription", "kttqffn"}, {"message", "ktbbqfm"},
      {"delivery", "knkqfbtt"},           {"incoming", "kn"},          {"retained", "tkttn"},
      {"forward", "kknnnnttnttn"}};

  void row() {
    const Table& table = input_.pick(tables);
    std::string sql = "INSERT OR REPLACE INTO " + std::string(table.name) + " VALUES(?";
    for (std::size_t i = 1; i < table.columns.size(); ++i) sql += ",?";
    sqlite3_stmt* insert = nullptr;
    sqlite3_prepare_v2(database_, (sql + ")").c_str(), -1, &insert, nullptr);
    const unsigned odd = input_.byte();
    int place = 0;
    for (const char column : table.columns) {
      ++place;
      // Most values are what they should be.
      if ((odd & 0x80U) != 0 && static_cast<unsigned>(place) == 1U + (odd & 0x1FU)) {
        bind_anything(insert, place);
      } else {
        bind(insert, place, column);
      }
    }
    sqlite3_step(insert);  // what the table does not take is left out
    sqlite3_finalize(insert);
  }

  void bind(sqlite3_stmt* insert, int place, char column) {
    switch (column) {
      case 'k':
        sqlite3_bind_int64(insert, place, 1 + static_cast<int>(input_.below(6)));
        return;
      case 't':
        return bind_text(insert, place, input_.pick(texts));
      case 'v':
        sqlite3_bind_int64(insert, place, 3 + static_cast<int>(input_.below(3)));
        return;
      case 'q':
        sqlite3_bind_int64(insert, place, static_cast<int>(input_.below(3)));
        return;
      case 'f':
        sqlite3_bind_int64(insert, place, static_cast<int>(input_.below(2)));
        return;
      case 'n':
        sqlite3_bind_int64(insert, place, input_.byte());
        return;
      case 'm':
        if (input_.flag()) return;  // NULL
        sqlite3_bind_int64(insert, place, input_.two());
        return;
      default:
        return bind_text(insert, place, input_.take(input_.byte() % 16U));
    }
  }

  static void bind_text(sqlite3_stmt* insert, int place, std::string_view value) {
    sqlite3_bind_text64(insert, place, value.empty() ? "" : value.data(), value.size(),
                        SQLITE_TRANSIENT, SQLITE_UTF8);
  }

  void bind_anything(sqlite3_stmt* insert, int place) {
    switch (input_.below(6)) {
      case 0:
        return;
      case 1:
        sqlite3_bind_int64(insert, place, static_cast<std::int64_t>(input_.four()) << 31U);
        return;
      case 2:
        sqlite3_bind_int64(insert, place, static_cast<signed char>(input_.byte()));
        return;
      case 3:
        return bind_text(insert, place, std::string(std::size_t{input_.two()} * 2U, 'x'));
      case 4:
        sqlite3_bind_double(insert, place, static_cast<double>(input_.four()) * 1e300);
        return;
      default:
        return bind_text(insert, place, input_.take(input_.byte() % 32U));
    }
  }

  fuzz::Input& input_;
  sqlite3* database_ = nullptr;
};

/// Some bytes become others.
void damage(std::string& image, fuzz::Input& input) {
  for (std::size_t count = input.below(8); count > 0 && !image.empty(); --count) {
    const std::size_t at = input.flag() ? input.below(256) : input.four();
    image[at % image.size()] = static_cast<char>(input.byte());
  }
  if (input.below(16) == 15) image.resize(input.four() % (image.size() + 1));
}

/// A broker that begins with the store.
class Restored {
 public:
  Restored(Store& store, std::uint32_t shards) : host_(options(), shards, log_) {
    host_.tick(now_);
    load(store);
  }

  void run() {
    for (const std::string_view id : {"a", "b", "c"}) connect(id);
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      send(i,
           test::encoded(
               mqtt::Subscribe{.packet_id = mqtt::PacketId{9},
                               .entries = {{.filter = "#", .qos = mqtt::Qos::exactly_once}}}),
           9);
    }
    send(0, test::encoded(mqtt::OutgoingPublish{.topic = "t",
                                                .payload = mqtt::as_bytes("new"),
                                                .packet_id = mqtt::PacketId{9},
                                                .qos = mqtt::Qos::at_least_once,
                                                .retain = true}));
    send(1, test::encoded(mqtt::OutgoingPublish{.topic = "t/a", .retain = true}));
    for (const std::int64_t step : {1000, 1000, 60'000, 3'600'000}) {
      now_ = broker::after_milliseconds(now_, step);
      host_.tick(now_);
      turn();
    }
    write();
  }

 private:
  static broker::ShardOptions options() {
    broker::ShardOptions options;
    options.limits.sys_interval_seconds = 0;
    options.durability = broker::Durability::relaxed;
    options.listeners.emplace_back().open_to_all = true;
    return options;
  }

  void load(Store& store) {
    persistence::Restorer restorer;
    restorer.shards = host_.size();
    restorer.home_of = [this](std::string_view id) { return host_.home_of(id); };
    restorer.keeper_of = [this](std::string_view topic) {
      return static_cast<std::uint32_t>(host_[0].keeper_of(topic));
    };
    restorer.restore = [this](std::uint32_t shard, const broker::JournalBatch& batch) {
      host_[shard].restore(batch, now_);
    };
    restorer.share = [this](const broker::SharedMessage& message) {
      for (const auto& shard : host_) shard->restore(message);
    };
    store_ = &store;
    const auto loaded = store.load(restorer);
    broker::restored(host_.pointers(), loaded ? loaded->last_key : 0, now_);
    if (loaded && loaded->forwards > 0) finish_forwards();
    turn();
  }

  void finish_forwards() {
    const auto batches = broker::finish_forwards(host_.pointers(), now_);
    auto done = store_->begin();
    for (std::size_t i = 0; done && i < batches.size(); ++i) done = store_->write(batches[i].batch);
    if (done) done = store_->end_forwards();
    if (done) done = store_->commit();
    // Some damage shows only when a page is written to: a broker says so and does not start.
    require(done || done.error().damaged(), "what was on its way is stored");
    if (!done) return store_->roll_back();
    for (const broker::ShardBatch& one : batches) {
      host_[static_cast<std::uint32_t>(one.shard)].committed(one.batch.position, now_);
    }
  }

  void connect(std::string_view id) {
    const auto home = host_.home_of(id);
    Reader& reader = readers_.emplace_back();
    reader.shard = home;
    reader.output.announce({.version = mqtt::Version::v5_0});
    reader.id = {static_cast<std::uint32_t>(readers_.size()), 1};
    host_[home].opened(reader.id, {0, 1, "10.0.0.1", "mqtt"}, now_);
    send(readers_.size() - 1,
         test::encoded(mqtt::Connect{.client_id = id, .session_expiry_interval_seconds = 100}));
  }

  void send(std::size_t reader, const std::string& bytes, std::uint16_t subscribes = 0) {
    Reader& one = readers_[reader];
    if (one.closed) return;
    if (subscribes != 0) one.output.asked(mqtt::PacketType::suback, subscribes, 1);
    const auto copy = fuzz::exact_copy(bytes);
    static_cast<void>(host_[one.shard].received(one.id, copy, now_));
    turn();
    // Everything is answered, so that the rest comes.
    for (const auto& due : std::exchange(one.output.due, {})) {
      if (due.answer != mqtt::PacketType::pubrec) one.output.finished(due.packet_id);
      send(reader, test::encoded(
                       mqtt::Ack{.type = due.answer, .packet_id = mqtt::PacketId{due.packet_id}}));
    }
  }

  void turn() {
    for (bool busy = true; busy;) {
      busy = false;
      for (std::uint32_t i = 0; i < host_.size(); ++i)
        busy = host_.end_turn(i, now_, loops_) || busy;
    }
  }

  /// What the broker made of it can be stored.
  void write() {
    for (const auto& shard : host_) {
      auto batch = shard->take_journal(now_, true);
      if (!batch) continue;
      if (store_->begin() && store_->write(*batch) && store_->commit()) {
        shard->committed(batch->position, now_);
      } else {
        store_->roll_back();
      }
    }
  }

  struct Reader {
    std::uint32_t shard = 0;
    broker::ConnectionId id;
    bool closed = false;
    fuzz::OutputReader output;
  };

  struct Loops final : test::Host::Part {
    explicit Loops(Restored& broker) : restored(broker) {}
    void mail(std::uint32_t index, std::uint32_t to, std::vector<broker::PeerMessage>& messages) {
      restored.host_.deliver(index, to, messages, restored.now_);
    }
    void write(std::uint32_t /*index*/, broker::ConnectionId id, const broker::Output& output) {
      restored.readers_[id.slot - 1].output.read(test::stream_of(output));
    }
    void close(std::uint32_t /*index*/, const broker::CloseRequest& request) {
      restored.readers_[request.connection.slot - 1].closed = true;
    }
    Restored& restored;
  };

  Silence log_;
  test::Host host_;
  Loops loops_{*this};
  std::vector<Reader> readers_;
  Store* store_ = nullptr;
  broker::Instant now_{1'000'000};
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const unsigned bits = input.byte();
  std::string image;
  {
    Rows rows(input);
    rows.fill();
    image = rows.image();
  }
  if ((bits & 4U) != 0) damage(image, input);
  if ((bits & 0xF8U) == 0xF8U) image = input.rest();

  folder().clean();
  std::ofstream(folder().file(), std::ios::binary) << image;
  Silence log;
  const auto store =
      Store::open({.path = folder().file(), .refuse_damaged = (bits & 8U) != 0}, log);
  if (!store) {
    require(!store.error().empty() && store.error().back() == '.', "a refusal is a sentence");
    return 0;
  }
  Restored(**store, 1U + (bits & 1U)).run();
  return 0;
}
