#include "persistence/mosquitto_db.h"

#include <array>
#include <catch2/catch.hpp>
#include <initializer_list>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "test/persistence/mosquitto_file.h"

using persistence::MosquittoDamage;
using persistence::MosquittoDb;
using std::string_literals::operator""s;
using test::MosquittoFile;
using State = MosquittoDb::State;

namespace {

/// Everything a file says, as text: one line for each chunk.
std::string told(const MosquittoDb::Chunk& chunk) {
  const auto number = [](auto value) { return " " + std::to_string(value); };
  const auto text = [](std::string_view value) { return " '" + std::string(value) + "'"; };
  if (const auto* each = std::get_if<MosquittoDb::Configuration>(&chunk)) {
    return "configuration" + number(each->last_message_id) + number(each->at_shutdown);
  }
  if (const auto* each = std::get_if<MosquittoDb::Message>(&chunk)) {
    return "message" + number(each->id) + number(each->expires_s) + text(each->client_id) +
           text(each->user_name) + number(each->listener_port) + text(each->topic) +
           text(mqtt::as_text(each->payload)) + text(mqtt::as_text(each->properties)) +
           number(each->qos) + number(each->retain);
  }
  if (const auto* each = std::get_if<MosquittoDb::Session>(&chunk)) {
    return "session" + text(each->client_id) + text(each->user_name) + number(each->listener_port) +
           number(each->last_packet_id) + number(each->expiry_interval_s) + number(each->expires_s);
  }
  if (const auto* each = std::get_if<MosquittoDb::Delivery>(&chunk)) {
    return "delivery" + text(each->client_id) + number(each->message_id) + number(each->packet_id) +
           number(each->qos) + number(static_cast<int>(each->state)) + number(each->from_client) +
           number(each->retain) + number(each->dup) + text(mqtt::as_text(each->properties));
  }
  if (const auto* each = std::get_if<MosquittoDb::Subscription>(&chunk)) {
    return "subscription" + text(each->client_id) + text(each->filter) + number(each->identifier) +
           number(each->qos) + number(each->no_local) + number(each->retain_as_published);
  }
  return "retained" + number(std::get<MosquittoDb::Retained>(chunk).message_id);
}

struct Reading {
  std::vector<std::string> lines;
  std::optional<MosquittoDamage> damage;
};

Reading read(const std::string& bytes) {
  Reading reading;
  auto db = MosquittoDb::open(MosquittoFile::file_of(bytes));
  if (!db) {
    reading.damage = db.error();
    return reading;
  }
  for (;;) {
    const auto chunk = db->next();
    if (!chunk) {
      reading.damage = chunk.error();
      return reading;
    }
    if (!*chunk) return reading;
    reading.lines.push_back(told(**chunk));
  }
}

constexpr std::string_view properties("\x01\x01\x26\0\1k\0\1v", 9);
constexpr std::string_view identifier("\x0B\x81\x01", 3);

/// A file with everything that its version can say.
MosquittoFile everything(std::uint32_t version) {
  MosquittoFile file(version);
  file.add(MosquittoFile::Message{.id = 0x0102030405060708,
                                  .topic = "a/b",
                                  .payload = std::string_view("\0\xFF", 2),
                                  .qos = 2,
                                  .retain = true,
                                  .expires_s = 4'000'000'000,
                                  .client_id = "publisher",
                                  .user_name = "user",
                                  .port = 1884,
                                  .properties = properties});
  file.add(MosquittoFile::Message{.id = 2, .payload = "", .client_id = ""});
  file.add(MosquittoFile::Session{.client_id = "client",
                                  .user_name = "name",
                                  .port = 1885,
                                  .last_packet_id = 65'535,
                                  .expiry_interval_s = 3600,
                                  .expires_s = 4'000'000'001});
  file.add(MosquittoFile::Delivery{.client_id = "client",
                                   .message_id = 2,
                                   .packet_id = 513,
                                   .qos = 1,
                                   .state = State::wait_for_puback,
                                   .retain = true,
                                   .dup = true,
                                   .properties = identifier});
  file.add(MosquittoFile::Delivery{
      .client_id = "client", .qos = 2, .state = State::wait_for_pubrel, .from_client = true});
  file.add(MosquittoFile::Subscription{.client_id = "client",
                                       .filter = "$share/g/+/#",
                                       .qos = 2,
                                       .identifier = 268'435'455,
                                       .options = 12});
  file.retain(2);
  return file;
}

const std::array<std::vector<std::string>, 7> expected_lines = {
    {{},
     {},
     {},
     {"configuration 77 1", "message 72623859790382856 0 'publisher' '' 0 'a/b' '\0\xFF' '' 2 1"s,
      "message 2 0 '' '' 0 't' '' '' 1 0", "session 'client' '' 0 65535 4294967295 0",
      "delivery 'client' 2 513 1 3 0 1 1 ''", "delivery 'client' 1 0 2 7 1 0 0 ''",
      "subscription 'client' '$share/g/+/#' 0 2 0 0", "retained 2"},
     {"configuration 77 1",
      "message 72623859790382856 0 'publisher' 'user' 1884 'a/b' '\0\xFF' '' 2 1"s,
      "message 2 0 '' '' 1883 't' '' '' 1 0", "session 'client' '' 0 65535 4294967295 0",
      "delivery 'client' 2 513 1 3 0 1 1 ''", "delivery 'client' 1 0 2 7 1 0 0 ''",
      "subscription 'client' '$share/g/+/#' 0 2 0 0", "retained 2"},
     {"configuration 77 1",
      "message 72623859790382856 4000000000 'publisher' 'user' 1884 'a/b' '\0\xFF' "
      "'\x01\x01\x26\0\1k\0\1v' 2 1"s,
      "message 2 0 '' '' 1883 't' '' '' 1 0", "session 'client' '' 0 65535 3600 4000000001",
      "delivery 'client' 2 513 1 3 0 1 1 '\x0B\x81\x01'", "delivery 'client' 1 0 2 7 1 0 0 ''",
      "subscription 'client' '$share/g/+/#' 268435455 2 1 1", "retained 2"},
     {"configuration 77 1",
      "message 72623859790382856 4000000000 'publisher' 'user' 1884 'a/b' '\0\xFF' "
      "'\x01\x01\x26\0\1k\0\1v' 2 1"s,
      "message 2 0 '' '' 1883 't' '' '' 1 0", "session 'client' 'name' 1885 65535 3600 4000000001",
      "delivery 'client' 2 513 1 3 0 1 1 '\x0B\x81\x01'", "delivery 'client' 1 0 2 7 1 0 0 ''",
      "subscription 'client' '$share/g/+/#' 268435455 2 1 1", "retained 2"}}};

}  // namespace

TEST_CASE("every version says all that it can", "[mosquitto_db]") {
  const auto version = GENERATE(3U, 4U, 5U, 6U);
  const Reading reading = read(everything(version).bytes());
  REQUIRE_FALSE(reading.damage);
  CHECK(reading.lines == expected_lines[version]);
}

TEST_CASE("a file can be read again from the first chunk on", "[mosquitto_db]") {
  const std::string bytes = everything(6).bytes();
  auto db = MosquittoDb::open(MosquittoFile::file_of(bytes));
  REQUIRE(db);
  CHECK(db->version() == 6);
  CHECK(db->size_bytes() == bytes.size());
  for (int i = 0; i < 2; ++i) {
    std::size_t count = 0;
    for (auto chunk = db->next(); chunk && *chunk; chunk = db->next()) ++count;
    CHECK(count == 8);
    CHECK(db->offset() == bytes.size());
    REQUIRE(db->rewind());
  }
}

TEST_CASE("blocks of machines that align to 4 bytes are read too", "[mosquitto_db]") {
  std::string bytes = MosquittoFile(6).bytes();
  bytes.resize(23);  // the header
  bytes += std::string(
      "\0\0\0\1\0\0\0\x0C"
      "M\0\0\0\0\0\0\0\0\x08\0\0",
      20);
  bytes += std::string(
      "\0\0\0\6\0\0\0\x15"
      "\0\0\0\0\0\0\0\0\xFF\xFF\xFF\xFF\0\7\0\1\0\0\0\0x",
      29);
  const Reading reading = read(bytes);
  REQUIRE_FALSE(reading.damage);
  CHECK(reading.lines ==
        std::vector<std::string>{"configuration 77 0", "session 'x' '' 0 7 4294967295 0"});

  // And versions 3 and 4 with a clock of 4 bytes.
  MosquittoFile old(3);
  old.chunk(6, std::string("\0\1x\0\7abcd", 9));
  CHECK(read(old.bytes()).lines.back() == "session 'x' '' 0 7 4294967295 0");
}

TEST_CASE("a file that ends too early is damaged where it ends", "[mosquitto_db]") {
  const auto version = GENERATE(3U, 4U, 5U, 6U);
  const std::string whole = everything(version).bytes();
  // Where one chunk ends and the next begins nothing is missing that could be seen.
  std::set<std::size_t> borders;
  auto db = MosquittoDb::open(MosquittoFile::file_of(whole));
  REQUIRE(db);
  for (auto chunk = db->next(); chunk && *chunk; chunk = db->next()) borders.insert(db->offset());
  REQUIRE(borders.size() == 8);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Reading reading = read(whole.substr(0, size));
    INFO("truncated at " << size);
    CHECK(reading.damage.has_value() == !borders.contains(size));
    if (!reading.damage) continue;
    CHECK(reading.damage->offset <= size);
    CHECK(reading.damage->what.find("before the end of the file") != std::string::npos);
  }
}

TEST_CASE("no single bit that is wrong breaks the reader", "[mosquitto_db]") {
  const auto version = GENERATE(3U, 4U, 5U, 6U);
  const std::string whole = everything(version).bytes();
  std::size_t seen = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const Reading reading = read(flipped);
    if (!reading.damage) continue;
    ++seen;
    REQUIRE(reading.damage->offset <= whole.size());
    REQUIRE_FALSE(reading.damage->what.empty());
  }
  // Texts, payloads and ids carry no check; a third of all bits are of other kinds.
  CHECK(seen > whole.size() * 8 / 4);
}

TEST_CASE("what is wrong is said with its place", "[mosquitto_db]") {
  const auto damage_of = [](const std::string& bytes) {
    const Reading reading = read(bytes);
    REQUIRE(reading.damage);
    return reading.damage->sentence();
  };
  const auto body_of = [](const MosquittoFile& file) { return file.last_chunk() + 8; };

  std::string bytes = MosquittoFile(6).bytes();
  bytes[3] = 'M';
  CHECK(damage_of(bytes) == "damaged at byte 0: expected the signature of Mosquitto's files");
  CHECK(damage_of(MosquittoFile(2).bytes()) ==
        "damaged at byte 19: expected version 3 to 6, found 2");
  CHECK(damage_of(MosquittoFile(7).bytes()) ==
        "damaged at byte 19: expected version 3 to 6, found 7");
  CHECK(damage_of(MosquittoFile(6).chunk(9, "").bytes()) ==
        "damaged at byte 47: expected a chunk of kind 1 to 6, found kind 9");
  CHECK(damage_of(MosquittoFile(6).bytes().substr(0, 23) + std::string("\0\0\0\4\0\0\0\0", 8)) ==
        "damaged at byte 23: expected a chunk of kind 1 (configuration) first, found kind 4");
  CHECK(damage_of(MosquittoFile(6).chunk(1, "").bytes()) ==
        "damaged at byte 47: expected one chunk of kind 1 (configuration), found a second");
  CHECK(damage_of(MosquittoFile(6).bytes() + std::string("\0\0\0\2\x7F\xFF\xFF\xFF", 8)) ==
        "damaged at byte 51: expected a length of at most 536870910 bytes, found 2147483647");
  CHECK(damage_of(MosquittoFile(6).chunk(4, "1234567890").bytes()) ==
        "damaged at byte 63: expected the end of the chunk, found 2 more bytes");
  CHECK(
      damage_of(MosquittoFile(6).chunk(4, "1234").bytes()) ==
      "damaged at byte 55: expected 8 bytes of a message id, found 4 before the end of the chunk");

  MosquittoFile file(6);
  file.add(MosquittoFile::Delivery{.qos = 3});
  CHECK(damage_of(file.bytes()) == "damaged at byte " + std::to_string(body_of(file) + 12) +
                                       ": expected a QoS, 0 to 2, found 3");
  file = MosquittoFile(6);
  file.add(MosquittoFile::Delivery{.state = static_cast<State>(12)});
  CHECK(damage_of(file.bytes()) == "damaged at byte " + std::to_string(body_of(file) + 13) +
                                       ": expected a state, 0 to 11, found 12");
  file = MosquittoFile(6);
  file.add(MosquittoFile::Message{.expires_s = -1});
  CHECK(damage_of(file.bytes()) ==
        "damaged at byte " + std::to_string(body_of(file) + 8) +
            ": expected the time of expiry in seconds since 1970, found -1");
  file = MosquittoFile(6);
  file.add(MosquittoFile::Message{.properties = "\x02\x01"});
  CHECK(damage_of(file.bytes()) ==
        "damaged at byte " + std::to_string(file.bytes().size() - 2) + ": expected a property");
  bytes = MosquittoFile(6).add(MosquittoFile::Message{.properties = properties}).bytes();
  bytes[bytes.size() - properties.size() - 1] = 8;  // the block's length
  CHECK(damage_of(bytes) == "damaged at byte " +
                                std::to_string(bytes.size() - properties.size() - 1) +
                                ": expected properties that fill the rest of the chunk");
}
