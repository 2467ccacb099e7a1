#include "broker/server/import.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <malloc.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "auth/realm.h"
#include "broker/core/text.h"
#include "broker/server/login_service.h"
#include "broker/server/process.h"
#include "broker/server/store_service.h"
#include "broker/server/translate.h"
#include "conf/command_line.h"
#include "persistence/mosquitto_import.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;
using persistence::MosquittoDb;
using persistence::MosquittoImport;
using Clock = std::chrono::steady_clock;

/// How often progress is told in lines, and on a terminal.
constexpr auto line_interval = std::chrono::seconds(2);
constexpr auto terminal_interval = std::chrono::milliseconds(200);

/// Calls `tell(percent)` at most once in an interval.
std::function<void(std::uint64_t, std::uint64_t)> now_and_then(Clock::duration interval,
                                                               std::function<void(int)> tell) {
  return [interval, tell = std::move(tell), last = Clock::now()](std::uint64_t done,
                                                                 std::uint64_t total) mutable {
    if (Clock::now() - last < interval) return;
    last = Clock::now();
    tell(static_cast<int>(done * 100 / total));
  };
}

persistence::ImportOptions options_for(const conf::Settings& settings,
                                       const broker::Authority& authority,
                                       const std::string& path) {
  persistence::ImportOptions options;
  options.source = path;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  options.now_milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::uint64_t most = settings.persistent_client_expiration_seconds;
  if (most > 0 && most < MosquittoDb::never_expires) {
    options.expiry_interval_max_s = static_cast<std::uint32_t>(most);
  }
  options.place_of = [&settings](std::uint16_t port) {
    const std::vector<conf::Listener>& all = settings.listeners;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (port != 0 && all[i].port == port) {
        return persistence::ImportOptions::Place{static_cast<std::uint16_t>(i), all[i].mount_point};
      }
    }
    // Not known: where there is one listener only, it was there.
    return persistence::ImportOptions::Place{
        0, all.size() == 1 ? all.front().mount_point : std::string()};
  };
  options.may_receive = [&authority](std::uint16_t listener, std::string_view user_name,
                                     std::string_view client_id, std::string_view topic) {
    const auto permissions = authority.permissions_of(listener, user_name);
    return permissions == nullptr ||
           permissions->allows(broker::Access::receive, topic, {client_id});
  };
  return options;
}

/// "FILE (version 6, 12 MiB): 3 sessions, ...".
std::string result_line(const std::string& path, const persistence::Imported& imported) {
  std::string line =
      concat({"Imported ", path, " (Mosquitto, version ", std::to_string(imported.version), ", ",
              std::to_string(imported.size_bytes), " bytes): ", imported.counts(), "."});
  if (const std::string left_out = imported.left_out_counts(); !left_out.empty()) {
    line += " Left out: " + left_out + ".";
  }
  return line;
}

/// Opens and imports. Errors are one sentence that begins with the file's name, without its stop.
std::expected<persistence::Imported, std::string> import(MosquittoDb::File file,
                                                         persistence::Store& store,
                                                         persistence::ImportOptions options) {
  const std::string name = options.source;
  auto db = MosquittoDb::open(std::move(file));
  if (!db) return std::unexpected(concat({name, " is ", db.error().sentence()}));
  auto imported = MosquittoImport(store, *db, std::move(options)).run();
  if (!imported) return std::unexpected(concat({name, " was not imported: ", imported.error()}));
  return imported;
}

/// When a file was written, in nanoseconds since 1970; nothing if it is not there.
std::optional<std::int64_t> written_at(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  constexpr std::int64_t nanoseconds = 1'000'000'000;
  return status.st_mtim.tv_sec * nanoseconds + status.st_mtim.tv_nsec;
}

/// The store remembers the file, for it is itself the newer one from now on.
void warn_of_newer(persistence::Store& store, const std::string& path,
                   std::optional<std::int64_t> newer_file, broker::Log& log) {
  constexpr std::string_view note_name = "newer file of mosquitto";
  const std::string remembered = store.note(note_name).value_or("");
  if (newer_file) {
    auto done = store.begin();
    if (done) done = store.set_note(note_name, std::to_string(*newer_file));
    if (done) done = store.commit();
    if (!done) store.roll_back();  // on a full disk, say: the next start does not know
  } else if (remembered.empty() || remembered != std::to_string(written_at(path).value_or(0))) {
    return;
  }
  constexpr std::string_view explanation =
      ": Mosquitto ran in between. The broker goes on with its own store. To take over what "
      "Mosquitto has instead, stop the broker and move ";
  constexpr std::string_view others =
      ". darter --import adds only what the store lacks. To go on without it, move ";
  log.write_event(
      LogType::warning, {.event = broker::Event::store_import},
      concat({"Warning: ", path, " was written after ", store.path(), explanation, store.path(),
              " away: the next start imports ", path, others, path, " away."}));
}

/// Says in the store that nothing is to be brought in at the next start either.
std::expected<void, std::string> decline(persistence::Store& store, const std::string& path,
                                         broker::Log& log) {
  auto done = store.begin();
  if (done) done = store.set_note(MosquittoImport::note_name, path + ": not imported");
  if (done) done = store.commit();
  if (!done) {
    store.roll_back();
    return std::unexpected(
        concat({"The store ", store.path(), " cannot be written: ", done.error().what, "."}));
  }
  log.write_event(
      LogType::warning, {.event = broker::Event::store_import},
      concat({"Warning: ", path,
              " was not imported: it is older than the damaged store. If there is nothing "
              "better, stop the broker and bring it in with darter --import."}));
  return {};
}

/// Lines for the terminal, whatever the configuration says of logs.
class TerminalLog final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(LogType type) const noexcept override {
    return type == LogType::error || type == LogType::warning || type == LogType::notice;
  }
  void write(LogType type, std::string_view line) override {
    if (!enabled(type)) return;
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  }
};

int fail(conf::ExitCode code, const std::string& sentence) {
  std::fprintf(stderr, "Error: %s\n", sentence.c_str());
  return static_cast<int>(code);
}

}  // namespace

std::optional<std::int64_t> newer_mosquitto_file(const conf::Settings& settings) {
  const StorePaths paths = store_paths_of(settings);
  const auto file = written_at(paths.mosquitto);
  const auto store = std::max(written_at(paths.store), written_at(paths.store + "-wal"));
  return store && file > store ? file : std::nullopt;
}

std::expected<void, std::string> move_in(persistence::Store& store, const conf::Settings& settings,
                                         const broker::Authority& authority,
                                         std::optional<std::int64_t> newer_file, broker::Log& log) {
  const std::string path = store_paths_of(settings).mosquitto;
  if (path.empty()) return {};
  const auto note = store.note(MosquittoImport::note_name);
  if (!note) {
    return std::unexpected(
        concat({"The store ", store.path(), " cannot be read: ", note.error().what, "."}));
  }
  if (!note->empty()) {
    warn_of_newer(store, path, newer_file, log);
    return {};
  }
  MosquittoDb::File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr && errno == ENOENT) return {};
  const std::string reason = file == nullptr ? std::strerror(errno) : "";
  if (store.was_set_aside()) return decline(store, path, log);

  persistence::ImportOptions options = options_for(settings, authority, path);
  options.progress = now_and_then(line_interval, [&](int percent) {
    log.write_event(LogType::information, {.event = broker::Event::store_import},
                    concat({"Importing ", path, ": ", std::to_string(percent), " %."}));
  });
  std::expected<persistence::Imported, std::string> imported =
      std::unexpected(concat({path, " cannot be read: ", reason}));
  if (file != nullptr) imported = import(std::move(file), store, std::move(options));
  ::malloc_trim(0);  // the import's memory is not needed again
  if (imported) {
    log.write_event(LogType::notice, {.event = broker::Event::store_import},
                    result_line(path, *imported) + " The file stays as it is.");
    return {};
  }
  if (settings.persistence_refuse_damaged) {
    return std::unexpected(
        concat({imported.error(),
                ". Put a good copy in its place, or move it away; persistence_damaged set_aside "
                "starts without it."}));
  }
  log.write_event(
      LogType::error, {.event = broker::Event::store_import},
      concat({"Error: ", imported.error(),
              ". The broker starts without it, and tries again at each start: put a good "
              "copy in its place, or move it away."}));
  return {};
}

int import_by_hand(const conf::Settings& settings,
                   std::vector<std::shared_ptr<const auth::Realm>> realms,
                   const std::string& path) {
  if (!settings.persistence) {
    return fail(conf::ExitCode::bad_configuration,
                "--import needs a configuration with persistence true: -c FILE. It says where "
                "the store is.");
  }
  // Opened before privileges are dropped: the file may be for root's eyes only.
  MosquittoDb::File file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) {
    return fail(conf::ExitCode::unusable_listener,
                concat({path, " cannot be read: ", std::strerror(errno), "."}));
  }
  TerminalLog log;
  if (auto dropped = drop_privileges(settings.user, {}); !dropped) {
    return fail(conf::ExitCode::unusable_listener, dropped.error());
  }
  auto store = open_store(settings, log);
  if (!store) return fail(conf::ExitCode::unusable_listener, store.error());

  const LoginService login_service(std::move(realms), log);
  persistence::ImportOptions options = options_for(settings, login_service, path);
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  options.progress =
      now_and_then(terminal ? terminal_interval : Clock::duration(line_interval), [&](int percent) {
        std::fprintf(stderr, "%sImporting %s: %d %%%s", terminal ? "\r" : "", path.c_str(), percent,
                     terminal ? "" : "\n");
      });
  const auto imported = import(std::move(file), **store, std::move(options));
  if (terminal) std::fputc('\n', stderr);
  if (!imported) return fail(conf::ExitCode::unusable_listener, imported.error() + ".");
  std::printf("%s\n", result_line(path, *imported).c_str());
  return static_cast<int>(conf::ExitCode::success);
}

}  // namespace server
