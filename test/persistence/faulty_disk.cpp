#include "test/persistence/faulty_disk.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <new>
#include <sqlite3.h>
#include <utility>

namespace test {
namespace {

FaultyDisk* the_disk = nullptr;
sqlite3_vfs* real_vfs = nullptr;
sqlite3_vfs vfs;
sqlite3_io_methods methods;

/// SQLite's own file stands behind it.
struct Handle {
  sqlite3_file base;
  std::string* path;
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

Handle* handle_of(sqlite3_file* file) { return reinterpret_cast<Handle*>(file); }
sqlite3_file* real(sqlite3_file* file) { return handle_of(file)->real(); }
const std::string& path_of(sqlite3_file* file) { return *handle_of(file)->path; }

bool is_log(const std::string& path) { return path.ends_with("-wal"); }

void apply(std::string& bytes, const FaultyDisk::Write& write) {
  const auto offset = static_cast<std::size_t>(write.offset);
  if (bytes.size() < offset + write.bytes.size()) bytes.resize(offset + write.bytes.size());
  bytes.replace(offset, write.bytes.size(), write.bytes);
}

int close_file(sqlite3_file* file) {
  const int code = real(file)->pMethods->xClose(real(file));
  delete std::exchange(handle_of(file)->path, nullptr);
  return code;
}

int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  if (the_disk->full()) return SQLITE_FULL;
  const int code = real(file)->pMethods->xWrite(real(file), data, size, offset);
  if (code == SQLITE_OK) {
    the_disk->wrote(path_of(file), offset,
                    {static_cast<const char*>(data), static_cast<std::size_t>(size)});
  }
  return code;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const int code = real(file)->pMethods->xTruncate(real(file), size);
  if (code == SQLITE_OK) the_disk->truncated(path_of(file), size);
  return code;
}

int sync_file(sqlite3_file* file, int /*flags*/) {
  return the_disk->sync(path_of(file)) ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

/// What needs no fault goes to SQLite's own file.
template <auto Member, typename... Values>
int pass(sqlite3_file* file, Values... values) {
  return (real(file)->pMethods->*Member)(real(file), values...);
}

void shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }

int open_file(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags,
              int* out_flags) {
  auto* const handle = new (file) Handle;
  handle->base.pMethods = nullptr;
  const int code = real_vfs->xOpen(real_vfs, name, handle->real(), flags, out_flags);
  if (code != SQLITE_OK) return code;
  handle->path = new std::string(name == nullptr ? "" : name);
  handle->base.pMethods = &methods;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* /*vfs*/, const char* name, int sync_folder) {
  const int code = real_vfs->xDelete(real_vfs, name, sync_folder);
  if (code == SQLITE_OK) the_disk->removed(name);
  return code;
}

sqlite3_io_methods make_methods() {
  using Methods = sqlite3_io_methods;
  Methods made{};
  made.iVersion = 2;
  made.xClose = close_file;
  made.xRead = pass<&Methods::xRead, void*, int, sqlite3_int64>;
  made.xWrite = write_file;
  made.xTruncate = truncate_file;
  made.xSync = sync_file;
  made.xFileSize = pass<&Methods::xFileSize, sqlite3_int64*>;
  made.xLock = pass<&Methods::xLock, int>;
  made.xUnlock = pass<&Methods::xUnlock, int>;
  made.xCheckReservedLock = pass<&Methods::xCheckReservedLock, int*>;
  made.xFileControl = pass<&Methods::xFileControl, int, void*>;
  made.xSectorSize = pass<&Methods::xSectorSize>;
  made.xDeviceCharacteristics = pass<&Methods::xDeviceCharacteristics>;
  made.xShmMap = pass<&Methods::xShmMap, int, int, int, void volatile**>;
  made.xShmLock = pass<&Methods::xShmLock, int, int, int>;
  made.xShmBarrier = shm_barrier;
  made.xShmUnmap = pass<&Methods::xShmUnmap, int>;
  return made;
}

}  // namespace

FaultyDisk::FaultyDisk() {
  the_disk = this;
  real_vfs = sqlite3_vfs_find(nullptr);
  methods = make_methods();
  vfs = *real_vfs;
  vfs.zName = "faulty";
  vfs.szOsFile = static_cast<int>(sizeof(Handle)) + real_vfs->szOsFile;
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  sqlite3_vfs_register(&vfs, 1);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&vfs);
  sqlite3_vfs_register(real_vfs, 1);
  the_disk = nullptr;
}

void FaultyDisk::set_full(bool full) {
  const std::lock_guard lock(mutex_);
  full_ = full;
}

bool FaultyDisk::full() const {
  const std::lock_guard lock(mutex_);
  return full_;
}

void FaultyDisk::fail_syncs(int count) {
  const std::lock_guard lock(mutex_);
  failing_syncs_ = count;
}

void FaultyDisk::before_sync(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  before_sync_ = std::move(call);
}

int FaultyDisk::syncs() const {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

void FaultyDisk::wrote(const std::string& path, std::int64_t offset, std::string bytes) {
  const std::lock_guard lock(mutex_);
  files_[path].pending.push_back({offset, std::move(bytes)});
}

void FaultyDisk::truncated(const std::string& path, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  files_[path].synced.resize(std::min(files_[path].synced.size(), static_cast<std::size_t>(size)));
}

bool FaultyDisk::sync(const std::string& path) {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex_);
    ++syncs_;
    if (is_log(path)) call = before_sync_;
  }
  if (call) call();
  const std::lock_guard lock(mutex_);
  File& file = files_[path];
  const std::vector<Write> pending = std::exchange(file.pending, {});
  if (failing_syncs_ > 0) {
    --failing_syncs_;
    return false;
  }
  for (const Write& write : pending) apply(file.synced, write);
  return true;
}

void FaultyDisk::removed(const std::string& path) {
  const std::lock_guard lock(mutex_);
  files_.erase(path);
}

void FaultyDisk::power_cut(const std::string& from, const std::string& path,
                           std::size_t unsynced) const {
  const std::lock_guard lock(mutex_);
  for (const char* const part : {"", "-wal"}) {
    const auto found = files_.find(from + part);
    if (found == files_.end()) continue;
    std::string bytes = found->second.synced;
    std::size_t rest = unsynced;
    for (const Write& write : found->second.pending) {
      const std::size_t size = is_log(from + part) ? std::min(rest, write.bytes.size()) : 0;
      if (size > 0) apply(bytes, {write.offset, write.bytes.substr(0, size)});
      rest -= size;
    }
    std::ofstream(path + part, std::ios::binary) << bytes;
  }
}

}  // namespace test
