// broker/server/process.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <pwd.h>
#include <string>
#include <vector>

namespace server {

/// Raises the limit of open files as far as the system allows, and returns it. Makes the kernel's
/// table of them that large at once, up to 65,536: while it doubles, a process of several threads
/// waits for some milliseconds, in the middle of a burst of clients.
///
/// Requires  No other thread, so that none has to wait here either.
[[nodiscard]] std::uint64_t raise_open_files_limit();

/// Whether so many more files can be opened, of `most` that the process may have, and a client can
/// connect after that. Before loops begin: their clients take descriptors, too.
///
/// Errors    One sentence, with a remedy.
[[nodiscard]] std::expected<void, std::string> check_open_files(std::uint64_t most,
                                                                std::size_t needed);

/// The process ends by SIGBUS with a sentence on stderr: a file that it has in memory was cut. Of
/// the store's files that is the -shm, which SQLite's readers share. To go on would be wrong: zeros
/// in the place of that index would hide commits of the log from their own writer.
void explain_bus_errors() noexcept;

/// Tells the allocator how many loops will work. Requires that no other thread has begun.
///
/// One loop shares the first heap of the process: every other heap of glibc grows by single pages,
/// with a system call each, which made a queued message a third dearer. It keeps some megabytes
/// that are free for the next burst, and grows by megabytes: to grow has to wait while a thread
/// that hashes passwords is given its memory.
void prepare_heap(std::size_t loops) noexcept;

/// The user that a broker becomes which is started as root with `user` in its configuration:
/// without a user "mosquitto" it is "nobody". Null: there is no such user. Valid until the next
/// such call.
[[nodiscard]] const passwd* broker_user(const std::string& user);

/// Files that root made for the user that the broker becomes.
struct Belongings {
  std::vector<std::string> paths;  // a link is not followed
  std::vector<int> files;          // open
  std::vector<int> sockets;        // that listen: see transport::Listener::open_beside()
};

/// Started as root: becomes `user`, for good. Without the user "mosquitto" it is "nobody"; "root"
/// stays root. Does nothing if not started as root. The files of `belongings` go to that user
/// before.
///
/// Errors    One sentence.
[[nodiscard]] std::expected<void, std::string> drop_privileges(const std::string& user,
                                                               const Belongings& belongings);

/// A file with the process id in it, removed when this is destroyed.
class PidFile {
 public:
  /// Errors    One sentence. An empty path makes no file.
  [[nodiscard]] static std::expected<PidFile, std::string> create(const std::string& path);
  PidFile() = default;
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Goes to the background: the first process waits until the second says how its start went, and
/// ends with that status.
///
/// Requires  No threads yet.
class Daemon {
 public:
  /// Returns   In the background process only.
  /// Errors    One sentence, in the first process.
  [[nodiscard]] static std::expected<Daemon, std::string> enter();
  Daemon() = default;
  /// Reports success to the waiting process; without this call it reports failure.
  void started() noexcept;
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  Daemon(Daemon&& other) noexcept;
  Daemon& operator=(Daemon&& other) noexcept;

 private:
  explicit Daemon(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace server
