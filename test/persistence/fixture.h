#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/journal.h"
#include "broker/core/log.h"
#include "persistence/store.h"

namespace test {

/// Log lines, from any thread.
class Lines final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return true; }
  void write(broker::LogType type, std::string_view line) override;
  /// How many lines of a kind have the text in them.
  [[nodiscard]] std::size_t count(broker::LogType type, std::string_view text) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<broker::LogType, std::string>> lines_;
};

/// A folder of its own, in memory where that can be.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A batch, row by row.
class Rows {
 public:
  Rows& session(std::uint64_t key, std::string_view client_id);
  Rows& subscription(std::uint64_t session, std::string_view filter, bool present = true,
                     std::string_view share_name = {});
  Rows& message(std::uint64_t key, std::string_view topic, std::string_view payload);
  Rows& delivery(std::uint64_t session, std::uint64_t number, std::uint64_t message);
  Rows& finished(std::uint64_t session, std::uint64_t number);
  Rows& released(std::uint64_t session, std::uint64_t number);
  Rows& incoming(std::uint64_t session, std::uint16_t packet_id, bool present = true);
  Rows& retained(std::string_view topic, std::uint64_t message);
  Rows& forward(std::uint64_t key, std::uint64_t message, std::string_view share_name = {});
  Rows& arrived(std::uint64_t key);
  Rows& ended(std::uint64_t session);
  Rows& dropped(std::uint64_t message);

  broker::JournalBatch batch;
};

/// The rows that the store gives back, as text: one line for each row.
struct Contents {
  std::vector<std::string> rows;
  persistence::Loaded loaded;
};
/// `shards`: clients are at home on the shard of the last digit of their id.
Contents contents_of(persistence::Store& store, std::uint32_t shards = 1);

std::unique_ptr<persistence::Store> open_store(const std::string& path, broker::Log& log);
/// One transaction.
persistence::Answer<void> write(persistence::Store& store,
                                std::initializer_list<const Rows*> batches);
persistence::Answer<void> write(persistence::Store& store, const Rows& rows);
/// The first column of the first row, from a connection of its own.
std::string value_in(const std::string& path, const std::string& sql);

}  // namespace test
