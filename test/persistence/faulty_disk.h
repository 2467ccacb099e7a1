#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace test {

/// A disk under SQLite that can be full, can fail to sync, and can lose its power.
///
/// Shape      Files are real ones; besides, the disk keeps the synced content of each. A sync that
///            fails loses the unsynced pages: the kernel marks them clean, and a later sync reports
///            success for them although they never reached the disk.
/// Lifetime   While it lives, every database that is opened is on it. One at a time.
/// Threads    Faults may be set while a writer's thread runs.
class FaultyDisk {
 public:
  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  void set_full(bool full);
  /// The next syncs fail.
  void fail_syncs(int count);
  /// Called before each sync of a write-ahead log.
  void before_sync(std::function<void()> call);
  [[nodiscard]] int syncs() const;

  /// Writes the content of the disk after a power cut to `path` and its companions. `unsynced`: how
  /// many of the bytes written to the log since its last sync reached the disk nevertheless.
  void power_cut(const std::string& from, const std::string& path, std::size_t unsynced = 0) const;

  // For the methods that SQLite calls.
  struct Write {
    std::int64_t offset;
    std::string bytes;
  };
  struct File {
    std::string synced;
    std::vector<Write> pending;
  };
  [[nodiscard]] bool full() const;
  void wrote(const std::string& path, std::int64_t offset, std::string bytes);
  void truncated(const std::string& path, std::int64_t size);
  /// Returns false if it fails.
  bool sync(const std::string& path);
  void removed(const std::string& path);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, File> files_;
  bool full_ = false;
  int failing_syncs_ = 0;
  int syncs_ = 0;
  std::function<void()> before_sync_;
};

}  // namespace test
