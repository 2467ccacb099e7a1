#include "broker/server/backups.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <filesystem>
#include <functional>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/core/text.h"
#include "persistence/backup.h"

namespace server {
namespace {

using broker::concat;
namespace fs = std::filesystem;

constexpr std::string_view backup_mark = ".backup-";
constexpr std::string_view backup_time_form = "ddddddddTddddddZ";

std::string backup_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

/// Whether the text has the form of backup_time().
bool is_backup_time(std::string_view text) {
  return std::ranges::equal(text, backup_time_form, [](char given, char form) {
    return form == 'd' ? given >= '0' && given <= '9' : given == form;
  });
}

/// Calls `use` with what follows STORE.backup- in each name of the folder, until it returns false.
template <typename Use>
void for_each_name(const std::string& store, Use&& use) {
  const fs::path path(store);
  const std::string begin = concat({path.filename().string(), backup_mark});
  std::error_code error;
  const fs::path parent = path.parent_path();
  fs::directory_iterator at(parent.empty() ? fs::path(".") : parent, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(begin) && !use(std::string_view(name).substr(begin.size()))) return;
  }
}

/// `path` is that of a complete backup: the file is no longer written to.
Backup backup_of(const std::string& path, const struct stat& status) {
  return {.name = fs::path(path).filename().string(),
          .bytes = static_cast<std::uint64_t>(status.st_size),
          .time_seconds = status.st_mtim.tv_sec};
}

}  // namespace

std::expected<void, std::string> Backups::begin(Done done) {
  if (running_) return std::unexpected("A backup is being made.");
  if (const std::string fault = fault_(); !fault.empty()) {
    return std::unexpected(concat({"The store cannot be backed up while it fails: ", fault, "."}));
  }
  std::size_t files = 0;
  for_each_name(store_, [&](std::string_view /*time*/) { return ++files < files_max; });
  if (files >= files_max) {
    return std::unexpected(concat({folder(), " has ", std::to_string(files_max),
                                   " backups or more, and there is room for no other: move some "
                                   "away, or remove them."}));
  }
  std::string target = concat({store_, backup_mark, backup_time()});
  if (::access(target.c_str(), F_OK) == 0) {
    return std::unexpected("A backup of this second is there already.");
  }
  running_ = true;
  try {
    thread_ = std::jthread(
        [this, target = std::move(target), done = std::move(done)](const std::stop_token& stop) {
          const Result result = make(target, stop);
          // Before the answer: its reader may ask for the next backup.
          running_ = false;
          done(result);
        });
  } catch (const std::system_error& error) {
    running_ = false;
    return std::unexpected(concat({"No thread can be started: ", error.what(), "."}));
  }
  return {};
}

Backups::Result Backups::make(const std::string& target, const std::stop_token& stop) const {
  const auto bytes = persistence::back_up(store_, target, {}, stop);
  if (!bytes && stop.stop_requested()) return std::unexpected("The broker is stopping.");
  if (!bytes) return std::unexpected(bytes.error());
  struct stat status{};
  if (::stat(target.c_str(), &status) != 0) {
    return std::unexpected(concat({target, " was removed meanwhile."}));
  }
  return backup_of(target, status);
}

void Backups::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::vector<Backup> Backups::list() const {
  std::set<std::string, std::greater<>> times;  // newest first
  for_each_name(store_, [&](std::string_view time) {
    if (is_backup_time(time)) times.emplace(time);
    if (times.size() > rows_max) times.erase(std::prev(times.end()));
    return true;
  });
  std::vector<Backup> rows;
  for (const std::string& time : times) {
    const std::string path = concat({store_, backup_mark, time});
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    rows.push_back(backup_of(path, status));
  }
  return rows;
}

std::string Backups::folder() const {
  std::error_code error;
  const fs::path path = fs::absolute(store_, error);
  return error ? fs::path(store_).parent_path().string() : path.parent_path().string();
}

}  // namespace server
