#include "persistence/mosquitto_import.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <unistd.h>
#include <vector>

#include "persistence/database.h"
#include "persistence/store.h"
#include "test/persistence/mosquitto_file.h"

using persistence::Imported;
using persistence::ImportOptions;
using persistence::MosquittoDb;
using persistence::MosquittoImport;
using persistence::Store;
using test::MosquittoFile;
using State = MosquittoDb::State;

namespace {

constexpr std::int64_t now_s = 2'000'000'000;

class Silence final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

/// A store in a folder of its own.
class Place {
 public:
  Place() {
    // In memory where that can be: a store syncs at each commit.
    const std::filesystem::path base = std::filesystem::exists("/dev/shm")
                                           ? std::filesystem::path("/dev/shm")
                                           : std::filesystem::temp_directory_path();
    std::string name = (base / "darter-import-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    persistence::StoreOptions options;
    options.path = (folder_ / "darter.db").string();
    auto store = Store::open(options, log_);
    REQUIRE(store);
    store_ = std::move(*store);
  }
  ~Place() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  std::expected<Imported, std::string> import(const std::string& bytes) {
    return import(bytes, options());
  }
  std::expected<Imported, std::string> import(const std::string& bytes, ImportOptions options) {
    auto db = MosquittoDb::open(MosquittoFile::file_of(bytes));
    if (!db) return std::unexpected(db.error().sentence());
    return MosquittoImport(*store_, *db, std::move(options)).run();
  }
  Imported good(const MosquittoFile& file) {
    auto imported = import(file.bytes());
    if (!imported) FAIL(imported.error());
    return *imported;
  }

  static ImportOptions options() {
    ImportOptions options;
    options.source = "mosquitto.db";
    options.now_milliseconds = now_s * 1000;
    options.place_of = [](std::uint16_t port) {
      return port == 1884 ? ImportOptions::Place{3, "mount/"} : ImportOptions::Place{};
    };
    return options;
  }

  /// Rows of a query, columns joined by '|'.
  std::vector<std::string> rows(const std::string& sql) {
    auto database = persistence::Database::open((folder_ / "darter.db").string());
    REQUIRE(database);
    sqlite3_stmt* statement = nullptr;
    REQUIRE(sqlite3_prepare_v2(database->handle(), sql.c_str(), -1, &statement, nullptr) ==
            SQLITE_OK);
    std::vector<std::string> found;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      std::string row;
      for (int column = 0; column < sqlite3_column_count(statement); ++column) {
        if (column > 0) row += '|';
        const auto* const data = static_cast<const char*>(sqlite3_column_blob(statement, column));
        if (sqlite3_column_type(statement, column) == SQLITE_NULL) row += "NULL";
        row.append(data == nullptr ? "" : data,
                   static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
      }
      found.push_back(row);
    }
    sqlite3_finalize(statement);
    return found;
  }

  /// Begins afresh.
  void clear() {
    auto database = persistence::Database::open((folder_ / "darter.db").string());
    REQUIRE(database);
    REQUIRE(database->execute(
        "BEGIN; DELETE FROM session; DELETE FROM subscription; DELETE FROM message;"
        "DELETE FROM delivery; DELETE FROM incoming; DELETE FROM retained; COMMIT;"));
  }

  Store& store() { return *store_; }

 private:
  std::filesystem::path folder_;
  Silence log_;
  std::unique_ptr<Store> store_;
};

using Rows = std::vector<std::string>;

constexpr auto deliveries =
    "SELECT client_id, number % 65535 + 1, topic, d.qos, d.retain, number < sent_end "
    "FROM delivery d JOIN session s ON s.id = d.session_id LEFT JOIN message m ON m.id = "
    "d.message_id "
    "ORDER BY client_id, number";

}  // namespace

TEST_CASE("sessions, subscriptions and retained messages", "[mosquitto_import]") {
  Place place;
  MosquittoFile file(6);
  file.add(MosquittoFile::Message{.id = 5,
                                  .topic = "a/b",
                                  .payload = "kept",
                                  .retain = true,
                                  .expires_s = now_s + 5,
                                  .user_name = "u",
                                  .port = 1884,
                                  .properties = std::string_view("\x03\0\1x", 4)});
  file.add(MosquittoFile::Message{.id = 6, .topic = "nobody/wants/it"});
  file.add(MosquittoFile::Session{.client_id = "for ever", .user_name = "u", .port = 1884});
  file.add(MosquittoFile::Session{
      .client_id = "five", .expiry_interval_s = 60, .expires_s = now_s + 30});
  file.add(MosquittoFile::Session{.client_id = "was connected", .expiry_interval_s = 60});
  file.add(MosquittoFile::Subscription{
      .client_id = "five", .filter = "x/+", .qos = 2, .identifier = 9, .options = 4});
  file.add(
      MosquittoFile::Subscription{.client_id = "five", .filter = "$share/g/y/#", .options = 8});
  file.retain(5);
  const Imported imported = place.good(file);
  CHECK(imported.counts() == "3 sessions, 2 subscriptions, 1 retained and 0 queued messages");
  CHECK(imported.left_out_counts().empty());
  CHECK(place.rows("SELECT client_id, user_name, mount_point, listener, protocol_version, "
                   "expiry_interval_s, expires_ms FROM session ORDER BY id") ==
        Rows{"for ever|u|mount/|3|4|4294967295|NULL", "five|||0|5|60|2000000030000",
             "was connected|||0|5|60|2000000060000"});
  CHECK(
      place.rows("SELECT client_id, share_name, filter, qos, no_local, retain_as_published, "
                 "identifier FROM subscription JOIN session ON session_id = id ORDER BY filter") ==
      Rows{"five||x/+|2|1|0|9", "five|g|y/#|1|0|1|0"});
  CHECK(place.rows(
            "SELECT r.topic, m.topic, payload, hex(properties), qos, retain, expires_ms, "
            "client_id, user_name, listener FROM retained r JOIN message m ON message_id = id") ==
        Rows{"a/b|a/b|kept|03000178|1|1|2000000005000|publisher|u|3"});
  CHECK(place.rows("SELECT count(*) FROM message") == Rows{"1"});
}

TEST_CASE("persistent_client_expiration holds for sessions that are brought in",
          "[mosquitto_import]") {
  Place place;
  MosquittoFile file(4);
  file.add(MosquittoFile::Session{.client_id = "old"});
  ImportOptions options = Place::options();
  options.expiry_interval_max_s = 100;
  REQUIRE(place.import(file.bytes(), options));
  CHECK(place.rows("SELECT expiry_interval_s, expires_ms FROM session") ==
        Rows{"100|2000000100000"});
}

TEST_CASE("what a client was sent keeps its packet identifier", "[mosquitto_import]") {
  Place place;
  const auto version = GENERATE(3U, 4U, 5U, 6U);
  MosquittoFile file(version);
  const auto topics = {"one", "two", "three", "four", "five", "six"};
  std::uint64_t id = 0;
  for (const auto* topic : topics) file.add(MosquittoFile::Message{.id = ++id, .topic = topic});
  file.add(MosquittoFile::Session{.last_packet_id = 3});
  using D = MosquittoFile::Delivery;
  // Around the end of the identifiers, with a hole.
  file.add(D{.message_id = 1, .packet_id = 65'534, .state = State::wait_for_puback});
  file.add(D{.message_id = 2, .packet_id = 1, .qos = 2, .state = State::wait_for_pubrec});
  file.add(D{.message_id = 3, .packet_id = 2, .qos = 2, .state = State::wait_for_pubcomp});
  file.add(D{.message_id = 4, .packet_id = 3, .state = State::publish_qos1, .dup = true});
  // Never sent: the identifier is nobody's yet.
  file.add(D{.message_id = 5, .packet_id = 4, .state = State::publish_qos1});
  file.add(D{.message_id = 6, .packet_id = 9, .qos = 0, .state = State::queued, .retain = true});
  CHECK(place.good(file).queued == 6);
  CHECK(place.rows(deliveries) == Rows{"c|65534|one|1|0|1", "c|1|two|2|0|1", "c|2|NULL|2|0|1",
                                       "c|3|four|1|0|1", "c|4|five|1|0|0", "c|5|six|0|1|0"});
}

TEST_CASE("identifiers out of order are kept, in an order that holds them", "[mosquitto_import]") {
  Place place;
  MosquittoFile file(6);
  for (std::uint64_t id = 1; id <= 4; ++id) file.add(MosquittoFile::Message{.id = id});
  file.add(MosquittoFile::Session{});
  using D = MosquittoFile::Delivery;
  for (const std::uint16_t id : {std::uint16_t{5}, std::uint16_t{65'530}, std::uint16_t{4}}) {
    file.add(D{.packet_id = id, .state = State::wait_for_puback});
  }
  // The same identifier again: the second has not been sent.
  file.add(D{.message_id = 2, .packet_id = 4, .qos = 2, .state = State::wait_for_pubcomp});
  CHECK(place.good(file).queued == 4);
  CHECK(place.rows(deliveries) ==
        Rows{"c|65530|t|1|0|1", "c|4|t|1|0|1", "c|5|t|1|0|1", "c|6|t|2|0|0"});
}

TEST_CASE("deliveries of a session that has no chunk of its own", "[mosquitto_import]") {
  Place place;
  MosquittoFile file(6);
  file.add(MosquittoFile::Message{});
  file.add(MosquittoFile::Delivery{.client_id = "a", .properties = "\x0B\x07\x0B\x81\x01"});
  file.add(MosquittoFile::Subscription{.client_id = "b", .filter = "x"});
  CHECK(place.good(file).counts() ==
        "2 sessions, 1 subscriptions, 0 retained and 1 queued messages");
  CHECK(place.rows("SELECT hex(identifiers) FROM delivery") == Rows{"0700000081000000"});
}

TEST_CASE("QoS 2 messages that Mosquitto had still to pass on reach everybody once",
          "[mosquitto_import]") {
  Place place;
  MosquittoFile file(6);
  using M = MosquittoFile::Message;
  using S = MosquittoFile::Subscription;
  file.add(M{.id = 1, .topic = "x/y", .qos = 2, .retain = true, .client_id = "sender"});
  file.add(M{.id = 2, .topic = "x/old", .payload = "old", .retain = true});
  file.add(M{.id = 3, .topic = "x/old", .payload = "", .qos = 2, .retain = true});
  file.add(M{.id = 4, .topic = "x/never", .qos = 2});
  for (const auto* name : {"sender", "both", "group 1", "group 2", "denied"}) {
    file.add(MosquittoFile::Session{.client_id = name});
  }
  using D = MosquittoFile::Delivery;
  file.add(D{.client_id = "sender",
             .message_id = 1,
             .packet_id = 0x102,
             .qos = 2,
             .state = State::wait_for_pubrel,
             .from_client = true});
  file.add(D{.client_id = "sender",
             .message_id = 3,
             .packet_id = 7,
             .qos = 2,
             .state = State::wait_for_pubrel,
             .from_client = true});
  // PUBREC was not sent: the sender has it still.
  file.add(D{.client_id = "sender",
             .message_id = 4,
             .packet_id = 8,
             .qos = 2,
             .state = State::queued,
             .from_client = true});
  file.add(S{.client_id = "sender", .filter = "x/y", .qos = 2, .options = 4});
  file.add(S{.client_id = "both", .filter = "x/y", .qos = 1, .identifier = 1, .options = 8});
  file.add(S{.client_id = "both", .filter = "x/#", .qos = 2, .identifier = 2});
  file.add(S{.client_id = "group 1", .filter = "$share/g/x/y", .qos = 2});
  file.add(S{.client_id = "group 2", .filter = "$share/g/x/y", .qos = 2});
  file.add(S{.client_id = "group 2", .filter = "x/y", .qos = 0});
  file.add(S{.client_id = "denied", .filter = "#", .qos = 2});
  file.retain(2);
  ImportOptions options = Place::options();
  options.may_receive = [](std::uint16_t /*listener*/, std::string_view /*user_name*/,
                           std::string_view client_id,
                           std::string_view /*topic*/) { return client_id != "denied"; };
  const auto imported = place.import(file.bytes(), options);
  REQUIRE(imported);
  CHECK(imported->counts() ==
        "5 sessions, 7 subscriptions, 1 retained and 3 queued messages, 2 QoS 2 messages not yet "
        "released");
  CHECK(place.rows(deliveries) ==
        Rows{"both|1|x/y|2|1|0", "both|2|x/old|2|0|0", "group 1|1|x/y|2|0|0"});
  CHECK(place.rows("SELECT share_name, share_filter FROM delivery WHERE share_name != ''") ==
        Rows{"g|x/y"});
  CHECK(place.rows("SELECT hex(identifiers) FROM delivery WHERE retain") ==
        Rows{"0100000002000000"});
  CHECK(place.rows("SELECT client_id, packet_id FROM incoming JOIN session "
                   "ON session_id = id ORDER BY packet_id") == Rows{"sender|7", "sender|258"});
  CHECK(place.rows("SELECT topic FROM retained") == Rows{"x/y"});
}

TEST_CASE("what cannot be brought in is left out and counted", "[mosquitto_import]") {
  Place place;
  MosquittoFile file(6);
  using M = MosquittoFile::Message;
  file.add(M{.id = 1, .expires_s = now_s});
  file.add(M{.id = 2, .topic = "a/#"});
  file.add(M{.id = 3, .properties = std::string_view("\x01\x07", 2)});
  file.add(M{.id = 4, .topic = "fine"});
  using S = MosquittoFile::Session;
  file.add(S{.client_id = "over", .expiry_interval_s = 5, .expires_s = now_s});
  file.add(S{.client_id = "ended", .expiry_interval_s = 0});
  file.add(S{.client_id = "\xFF"});
  file.add(S{.client_id = ""});
  file.add(S{});
  for (std::uint64_t id = 1; id <= 5; ++id) file.add(MosquittoFile::Delivery{.message_id = id});
  file.add(MosquittoFile::Delivery{.client_id = "over", .message_id = 4});
  file.add(MosquittoFile::Subscription{.filter = "a#"});
  file.add(MosquittoFile::Subscription{.filter = "$share/a"});
  file.add(MosquittoFile::Subscription{.identifier = 268'435'456});
  file.retain(1).retain(9);
  const Imported imported = place.good(file);
  CHECK(imported.counts() == "1 sessions, 0 subscriptions, 0 retained and 1 queued messages");
  CHECK(imported.left_out_counts() ==
        "1 expired sessions, 1 sessions that ended with their connection, 1 expired messages, "
        "2 deliveries or topics whose message the file lacks, 7 names, topics or messages that "
        "MQTT does not allow");
  CHECK(place.rows("SELECT topic FROM message") == Rows{"fine"});
}

TEST_CASE("what the store has is newer", "[mosquitto_import]") {
  Place place;
  using M = MosquittoFile::Message;
  MosquittoFile first(6);
  first.add(M{.id = 1, .topic = "a", .payload = "new"}).add(MosquittoFile::Session{});
  first.add(MosquittoFile::Delivery{}).retain(1);
  CHECK(place.good(first).sessions == 1);
  MosquittoFile second(6);
  second.add(M{.id = 1, .topic = "a", .payload = "old"});
  second.add(M{.id = 2, .topic = "b", .payload = "old"});
  second.add(MosquittoFile::Session{}).add(MosquittoFile::Session{.client_id = "d"});
  second.add(MosquittoFile::Delivery{.message_id = 2});
  second.add(MosquittoFile::Subscription{});
  second.add(MosquittoFile::Delivery{.client_id = "d", .message_id = 2});
  second.retain(1).retain(2);
  const Imported imported = place.good(second);
  CHECK(imported.counts() == "1 sessions, 0 subscriptions, 1 retained and 1 queued messages");
  CHECK(imported.left_out_counts() ==
        "1 sessions that the store has already, 1 retained messages whose topic the store has "
        "already");
  CHECK(place.rows("SELECT r.topic, payload FROM retained r JOIN message ON message_id = id") ==
        Rows{"a|new", "b|old"});
  CHECK(place.rows(deliveries) == Rows{"c|1|a|1|0|0", "d|1|b|1|0|0"});
  CHECK_FALSE(place.store().note(MosquittoImport::note_name)->empty());
}

TEST_CASE("of a damaged file nothing is brought in", "[mosquitto_import]") {
  Place place;
  MosquittoFile file(6);
  file.add(MosquittoFile::Message{.retain = true}).retain(1).add(MosquittoFile::Session{});
  const std::string bytes = file.bytes();
  for (std::size_t size = file.last_chunk() + 1; size < bytes.size(); ++size) {
    const auto imported = place.import(bytes.substr(0, size));
    REQUIRE_FALSE(imported);
    CHECK(imported.error().starts_with("damaged at byte "));
  }
  file.add(MosquittoFile::Message{.retain = true});
  const auto twice = place.import(file.bytes());
  REQUIRE_FALSE(twice);
  CHECK(twice.error().find("found the id 1 a second time") != std::string::npos);
  for (const auto* table : {"session", "message", "retained"}) {
    CHECK(place.rows("SELECT * FROM " + std::string(table)).empty());
  }
  CHECK(place.rows("SELECT * FROM note WHERE name LIKE 'imported%'").empty());
}

// The reader's own test tries every bit; here it is one of each byte, for each costs a sync.
TEST_CASE("no single bit that is wrong breaks the import", "[mosquitto_import]") {
  Place place;
  MosquittoFile file(6);
  file.add(MosquittoFile::Message{.id = 1, .topic = "a", .retain = true, .expires_s = now_s + 1});
  file.add(MosquittoFile::Message{.id = 2, .topic = "b", .qos = 2, .properties = "\x01\x01"});
  file.add(MosquittoFile::Session{.expiry_interval_s = 9, .expires_s = now_s + 9});
  file.add(MosquittoFile::Delivery{.packet_id = 1, .state = State::wait_for_puback});
  file.add(MosquittoFile::Delivery{.message_id = 2, .qos = 2, .properties = "\x0B\x07"});
  file.add(MosquittoFile::Delivery{.message_id = 2,
                                   .packet_id = 5,
                                   .qos = 2,
                                   .state = State::wait_for_pubrel,
                                   .from_client = true});
  file.add(MosquittoFile::Subscription{}).retain(1);
  const std::string whole = file.bytes();
  std::map<bool, int> seen;
  for (std::size_t byte = 0; byte < whole.size(); ++byte) {
    std::string flipped = whole;
    flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << (byte % 8)));
    ++seen[place.import(flipped).has_value()];
    place.clear();
  }
  CHECK(seen[true] > 50);
  CHECK(seen[false] > 50);
}
