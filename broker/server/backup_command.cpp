#include "broker/server/backup_command.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <unistd.h>

#include "broker/core/text.h"
#include "broker/server/process.h"
#include "broker/server/translate.h"
#include "conf/command_line.h"
#include "persistence/backup.h"

namespace server {
namespace {

using broker::concat;

constexpr auto progress_interval = std::chrono::milliseconds(200);

int fail_copy(conf::ExitCode code, std::string_view sentence) {
  std::fprintf(stderr, "Error: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  return static_cast<int>(code);
}

int fail_without_store(std::string_view argument) {
  return fail_copy(conf::ExitCode::bad_configuration,
                   concat({argument,
                           " needs a configuration with persistence true: -c FILE. It says "
                           "where the store is."}));
}

/// Percents, on a terminal.
persistence::Progress on_terminal() {
  if (::isatty(STDERR_FILENO) != 1) return {};
  return [last = std::chrono::steady_clock::time_point()](std::uint64_t done,
                                                          std::uint64_t total) mutable {
    const auto now = std::chrono::steady_clock::now();
    if (done < total && now - last < progress_interval) return;
    last = now;
    std::fprintf(stderr, "\r%d %%%s", static_cast<int>(done * 100 / total),
                 done == total ? "\n" : "");
  };
}

}  // namespace

int back_up_store(const conf::Settings& settings, const std::string& file) {
  if (!settings.persistence) return fail_without_store("--backup");
  // Root stays root: the copy may go where only root may write. Nothing is made beside the store.
  const std::string store = store_paths_of(settings).store;
  const auto bytes = persistence::back_up(store, file, on_terminal());
  if (!bytes) return fail_copy(conf::ExitCode::unusable_listener, bytes.error());
  std::printf("Backed up %s to %s: %llu bytes.\n", store.c_str(), file.c_str(),
              static_cast<unsigned long long>(*bytes));
  return static_cast<int>(conf::ExitCode::success);
}

int restore_store(const conf::Settings& settings, const std::string& file) {
  if (!settings.persistence) return fail_without_store("--restore");
  struct Close {
    void operator()(std::FILE* open) const noexcept { std::fclose(open); }
  };
  // Opened before privileges are dropped: it may be for root's eyes only. The store is the user's.
  const std::unique_ptr<std::FILE, Close> source(std::fopen(file.c_str(), "rbe"));
  if (source == nullptr) {
    return fail_copy(conf::ExitCode::unusable_listener,
                     concat({file, " cannot be read: ", std::strerror(errno), "."}));
  }
  if (auto dropped = drop_privileges(settings.user, {}); !dropped) {
    return fail_copy(conf::ExitCode::unusable_listener, dropped.error());
  }
  const std::string store = store_paths_of(settings).store;
  const auto aside = persistence::restore(store, source.get(), file);
  if (!aside) return fail_copy(conf::ExitCode::unusable_listener, aside.error());
  std::printf("Restored %s from %s.\n", store.c_str(), file.c_str());
  if (!aside->empty()) std::printf("What was there before is %s.\n", aside->c_str());
  return static_cast<int>(conf::ExitCode::success);
}

}  // namespace server
