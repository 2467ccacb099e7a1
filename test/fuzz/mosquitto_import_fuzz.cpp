// A file of Mosquitto brought into a store: whatever the file says, the store then holds rows that
// a broker can use, or nothing.

#include <memory>
#include <set>
#include <string>

#include "broker/core/soundness.h"
#include "persistence/mosquitto_import.h"
#include "test/fuzz/folder.h"
#include "test/fuzz/input.h"

namespace {

using broker::JournalBatch;
using fuzz::require;
using persistence::MosquittoDb;
using persistence::MosquittoImport;
using persistence::Store;

class Silence final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return true; }
  void write(broker::LogType type, std::string_view line) override {
    require(type != broker::LogType::error || line.find("damaged") == line.npos,
            "what was imported is not damaged");
  }
};

/// What is loaded is what a broker may use.
void check(const JournalBatch& batch, std::set<std::uint64_t>& messages) {
  for (const auto& row : batch.sessions) {
    require(!batch.text(row.client_id).empty() && broker::is_sound_text(batch.text(row.client_id)),
            "client ids");
    require(broker::is_sound_text(batch.text(row.user_name)), "user names");
  }
  for (const auto& row : batch.subscriptions) {
    require(broker::is_sound_filter(batch.text(row.filter)), "filters");
    require(broker::is_sound_text(batch.text(row.share_name)), "share names");
  }
  for (const auto& row : batch.messages) {
    require(broker::is_sound({batch.text(row.topic), batch.data(row.payload),
                              batch.data(row.properties), row.qos, row.retain, row.expires}),
            "messages");
    messages.insert(static_cast<std::uint64_t>(row.key));
  }
  for (const auto& row : batch.deliveries) {
    require(row.released || messages.contains(static_cast<std::uint64_t>(row.message)),
            "a delivery has its message");
  }
  for (const auto& row : batch.retained) {
    require(messages.contains(static_cast<std::uint64_t>(row.message)), "and so has a topic");
  }
}

persistence::ImportOptions options() {
  persistence::ImportOptions made;
  made.source = "mosquitto.db";
  made.now_milliseconds = 1'700'000'000'000;
  made.place_of = [](std::uint16_t port) {
    return persistence::ImportOptions::Place{0, port == 1884 ? "m/" : ""};
  };
  made.may_receive = [](std::uint16_t, std::string_view user, std::string_view,
                        std::string_view topic) { return user != "u" || topic != "forbidden"; };
  made.progress = [](std::uint64_t done, std::uint64_t total) {
    require(done <= total, "no more is done than there is");
  };
  return made;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  if (size == 0) return 0;  // there is no such stream in memory
  auto copy = fuzz::exact_copy(fuzz::Input(data, size).rest());
  MosquittoDb::File file(::fmemopen(copy.data(), copy.size(), "rb"));
  auto db = MosquittoDb::open(std::move(file));
  if (!db) return 0;
  folder.clean();
  Silence log;
  const auto store = Store::open({.path = folder.file()}, log);
  require(store.has_value(), "an empty store");
  const auto imported = MosquittoImport(**store, *db, options()).run();
  if (!imported) require(!imported.error().empty(), "a refusal says why");

  persistence::Restorer restorer;
  restorer.home_of = restorer.keeper_of = [](std::string_view) { return 0U; };
  std::set<std::uint64_t> messages;
  std::size_t rows = 0;
  restorer.restore = [&](std::uint32_t, const JournalBatch& batch) {
    check(batch, messages);
    rows += batch.size();
  };
  const auto loaded = (*store)->load(restorer);
  require(loaded.has_value(), "the store can be read");
  if (!imported) {
    require(rows == 0, "all or nothing");
    return 0;
  }
  require(loaded->sessions == imported->sessions && loaded->retained == imported->retained &&
              loaded->subscriptions == imported->subscriptions,
          "what was counted is there");
  return 0;
}
