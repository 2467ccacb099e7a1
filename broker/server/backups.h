// broker/server/backups.h
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace server {

/// A backup of the store, in the folder of the store.
struct Backup {
  std::string name;  // without the folder
  std::uint64_t bytes = 0;
  std::int64_t time_seconds = 0;  // when it was complete, since 1970
};

/// Backups of the running broker's store, made on request into the folder of the store.
///
/// Shape      STORE.backup-YYYYMMDDTHHMMSSZ, the time being that of its begin; made as
///            persistence::back_up() says, each on a thread of its own.
/// Bounds     One at a time. None begins while files_max files are there whose names begin with
///            STORE.backup-, files of a backup that was cut off among them; the broker removes
///            none. A list has the newest rows_max.
/// Lifetime   stop() and the destructor end a backup that is being made, which leaves no file.
/// Threads    One: the main thread.
class Backups {
 public:
  static constexpr std::size_t files_max = 10;
  static constexpr std::size_t rows_max = 100;

  /// Errors    One sentence.
  using Result = std::expected<Backup, std::string>;
  using Done = std::function<void(const Result& result)>;
  /// Why the store's files are not as they should be, as a clause; empty: they are.
  using Fault = std::function<std::string()>;

  Backups(std::string store, Fault fault) : store_(std::move(store)), fault_(std::move(fault)) {}
  ~Backups() { stop(); }
  Backups(const Backups&) = delete;
  Backups& operator=(const Backups&) = delete;

  /// Begins one. `done` is called at its end, once, on its thread.
  ///
  /// Errors    One sentence. None has begun, and `done` is not called.
  [[nodiscard]] std::expected<void, std::string> begin(Done done);
  /// Ends the one that is being made, and waits until its `done` has returned.
  void stop();

  [[nodiscard]] bool is_running() const noexcept { return running_; }
  /// The newest ones that are complete, newest first.
  ///
  /// Cost      Reads the names of the folder.
  [[nodiscard]] std::vector<Backup> list() const;
  /// The folder, as an absolute path.
  [[nodiscard]] std::string folder() const;

 private:
  [[nodiscard]] Result make(const std::string& target, const std::stop_token& stop) const;

  std::string store_;
  Fault fault_;
  std::atomic<bool> running_ = false;
  std::jthread thread_;
};

}  // namespace server
