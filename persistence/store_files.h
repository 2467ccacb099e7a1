// persistence/store_files.h
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <sys/types.h>

namespace persistence {

/// The files of a store: their locks, and whether they are still the ones that were opened.
///
/// Shape      PATH, PATH-wal, PATH-shm (SQLite's) and PATH.lock. Two locks keep others out: one on
///            PATH.lock for as long as the store is open, one on PATH itself, on a byte far behind
///            those that SQLite locks.
/// Lifetime   unlock_database() only after SQLite has closed PATH: to close any descriptor of a
/// file
///            drops all locks that SQLite has on it.
/// Threads    One at a time.
/// Errors     One sentence.
class StoreFiles {
 public:
  explicit StoreFiles(std::string path) : path_(std::move(path)) {}
  ~StoreFiles();
  StoreFiles(const StoreFiles&) = delete;
  StoreFiles& operator=(const StoreFiles&) = delete;

  /// Takes PATH.lock; once more if the one that it has is not there any more.
  [[nodiscard]] std::expected<void, std::string> lock();
  /// Locks PATH, which is made if it is missing.
  [[nodiscard]] std::expected<void, std::string> lock_database();
  void unlock_database() noexcept;

  /// PATH and PATH-wal are open now: these are the ones to be watched.
  void remember();
  /// The database was written by this process: its length may be another.
  void database_written();
  /// Whether PATH is the file that this process opened or put there last.
  [[nodiscard]] bool has_own_database() const;
  /// The first difference found, as a clause for the log. `log_bytes`: how long PATH-wal has to be.
  ///
  /// Cost      Four stat() and one read of 32 bytes.
  [[nodiscard]] std::optional<std::string> difference(off_t log_bytes) const;
  /// Whether PATH-wal is shorter than that: a write behind its end would leave a gap, and SQLite
  /// ignores all that follows one.
  [[nodiscard]] bool log_is_cut(off_t log_bytes) const;

  /// Moves PATH, PATH-wal and PATH-shm to names with `word` and the date at their end. Returns the
  /// new name of PATH. A missing file is no error.
  [[nodiscard]] std::expected<std::string, std::string> set_aside(const std::string& word) const;
  /// Whether another darter has the file at PATH open now.
  [[nodiscard]] bool used_by_others() const;
  /// Puts the file `fresh` in the place of PATH: at each instant one of the two is there.
  /// Files that belonged to the one before go to its new place, or are removed.
  [[nodiscard]] std::expected<void, std::string> replace_by(
      const std::string& fresh, const std::optional<std::string>& kept_as);
  /// Gives PATH a second name of this kind; where a file can have but one, the first is lost.
  /// Returns it, also if there is no PATH.
  [[nodiscard]] std::expected<std::string, std::string> keep_as(const std::string& word) const;
  /// The same in two steps: such a name, and the second name for PATH.
  [[nodiscard]] std::string name_aside(const std::string& word) const;
  [[nodiscard]] std::expected<void, std::string> keep_under(const std::string& name) const;
  /// Moves PATH-wal to where the database that it belongs to is now, and removes PATH-shm.
  void move_log_to(const std::string& database) const;
  /// Moves PATH-wal away alone; PATH-shm is removed.
  [[nodiscard]] std::expected<std::string, std::string> set_log_aside(
      const std::string& word) const;

  /// Whether PATH-wal holds anything that was committed.
  [[nodiscard]] bool log_has_frames() const;
  /// Whether PATH is there and not empty.
  [[nodiscard]] bool has_database() const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string log_path() const { return path_ + "-wal"; }

 private:
  struct Identity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const Identity&) const = default;
  };
  struct Seen {
    Identity identity;
    off_t bytes = 0;
    std::int64_t written_nanoseconds = 0;
  };
  [[nodiscard]] static std::optional<Seen> look_at(const std::string& path);

  std::string path_;
  int lock_ = -1;
  int database_lock_ = -1;
  Identity lock_identity_;
  Identity log_identity_;
  Seen database_;
};

/// Makes the names in a folder last.
void sync_folder_of(const std::string& path);

/// The file that a path leads to by symbolic links of its last part; it need not be there. SQLite
/// keeps its log beside that file.
[[nodiscard]] std::string file_behind_links(const std::string& path);

}  // namespace persistence
