// The file in which Mosquitto keeps its state: any bytes are chunks, and then perhaps damage with
// its place. What is read can be read again, and lies within the file.

#include <cstdio>
#include <string>
#include <type_traits>
#include <variant>

#include "persistence/mosquitto_db.h"
#include "test/fuzz/input.h"

namespace {

using fuzz::require;
using persistence::MosquittoDb;

/// Every byte of what a chunk points to, so that ASan sees what is not there.
std::size_t sum(std::string_view text) {
  std::size_t total = text.size();
  for (const char byte : text) total = total * 31U + static_cast<unsigned char>(byte);
  return total;
}
std::size_t sum(mqtt::Bytes bytes) { return sum(mqtt::as_text(bytes)); }

std::size_t sum(const MosquittoDb::Configuration& chunk) { return chunk.last_message_id; }
std::size_t sum(const MosquittoDb::Message& chunk) {
  return chunk.id + sum(chunk.client_id) + sum(chunk.user_name) + sum(chunk.topic) +
         sum(chunk.payload) + sum(chunk.properties);
}
std::size_t sum(const MosquittoDb::Session& chunk) {
  return chunk.last_packet_id + sum(chunk.client_id) + sum(chunk.user_name);
}
std::size_t sum(const MosquittoDb::Delivery& chunk) {
  require(chunk.state <= MosquittoDb::State::queued, "a state that there is");
  return chunk.message_id + sum(chunk.client_id) + sum(chunk.properties);
}
std::size_t sum(const MosquittoDb::Subscription& chunk) {
  return chunk.identifier + sum(chunk.client_id) + sum(chunk.filter);
}
std::size_t sum(const MosquittoDb::Retained& chunk) { return chunk.message_id; }

struct Story {
  std::size_t chunks = 0;
  std::size_t total = 0;
  std::string damage;
  bool operator==(const Story&) const = default;
};

Story read(MosquittoDb& db) {
  Story story;
  for (;;) {
    const std::uint64_t before = db.offset();
    auto chunk = db.next();
    if (!chunk) {
      require(chunk.error().offset <= db.size_bytes(), "damage lies within the file");
      story.damage = chunk.error().sentence();
      require(!story.damage.empty(), "and is told");
      return story;
    }
    if (!*chunk) return story;
    require(db.offset() > before && db.offset() <= db.size_bytes(),
            "a chunk is a part of the file");
    ++story.chunks;
    story.total =
        std::visit([&](const auto& one) { return story.total * 31U + sum(one); }, **chunk);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;  // there is no such stream in memory
  auto copy = fuzz::exact_copy(fuzz::Input(data, size).rest());
  MosquittoDb::File file(::fmemopen(copy.data(), copy.size(), "rb"));
  require(file != nullptr, "a stream in memory");
  auto db = MosquittoDb::open(std::move(file));
  if (!db) {
    require(!db.error().sentence().empty(), "what is wrong is told");
    return 0;
  }
  require(db->version() >= MosquittoDb::version_min && db->version() <= MosquittoDb::version_max,
          "a version that is known");
  require(db->size_bytes() == size, "the file's size");
  const Story first = read(*db);
  require(db->rewind().has_value(), "back to the beginning");
  require(read(*db) == first, "read again it says the same");
  return 0;
}
