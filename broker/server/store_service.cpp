#include "broker/server/store_service.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/restart.h"
#include "broker/server/import.h"
#include "broker/shard_renewal.h"
#include "transport/loops.h"

namespace server {
namespace {

using broker::concat;
using broker::LogType;

/// Names the time from one start of the machine to the next.
std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  file >> id;
  return id;
}

persistence::StoreClock::Read store_clock() {
  return [boot = boot_id()] {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return persistence::ClockReading{
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
        transport::Loops::now().milliseconds, boot};
  };
}

std::string user_name() {
  const passwd* const user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : std::to_string(::geteuid());
}

/// Whether files can be made where the store is to be.
std::expected<void, std::string> check_folder(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? std::string(".") : parent.string();
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  const std::string reason = std::strerror(errno);
  return std::unexpected(
      concat({"persistence_location ", folder, ": ", reason, ". It must be a folder that user ",
              user_name(), ", whom the broker runs as, may write to."}));
}

/// Checks that the existing files of the store can be written: else SQLite would open it read-only.
std::expected<void, std::string> check_files(const std::string& path) {
  for (const char* const part : {"", "-wal", "-shm", ".lock"}) {
    const std::string file = path + part;
    if (::faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) == 0 || errno == ENOENT) {
      continue;
    }
    const std::string reason = std::strerror(errno);
    return std::unexpected(
        concat({"The store cannot be written: ", file, ": ", reason, ". It must belong to user ",
                user_name(), ", whom the broker runs as: chown ", user_name(), " ", file,
                " && chmod 600 ", file}));
  }
  return {};
}

}  // namespace

std::expected<std::unique_ptr<persistence::Store>, std::string> open_store(
    const conf::Settings& settings, broker::Log& log) {
  const StorePaths paths = store_paths_of(settings);
  if (auto checked = check_folder(paths.store); !checked) {
    return std::unexpected(checked.error());
  }
  if (auto checked = check_files(paths.store); !checked) return std::unexpected(checked.error());
  persistence::StoreOptions options;
  options.path = paths.store;
  options.refuse_damaged = settings.persistence_refuse_damaged;
  options.clock = store_clock();
  return persistence::Store::open(options, log);
}

std::expected<std::unique_ptr<StoreService>, std::string> StoreService::open(
    const conf::Settings& settings, const broker::Authority& authority, broker::Log& log) {
  const auto newer_file = newer_mosquitto_file(settings);
  auto store = open_store(settings, log);
  if (!store) return std::unexpected(store.error());
  if (auto moved_in = move_in(**store, settings, authority, newer_file, log); !moved_in) {
    return std::unexpected(moved_in.error());
  }
  return std::unique_ptr<StoreService>(new StoreService(std::move(*store), log));
}

std::expected<void, std::string> StoreService::load(transport::Loops& loops, std::uint32_t shards) {
  const broker::Instant now = transport::Loops::now();
  broker::Shard& first = loops.shard(broker::ShardIndex{0});
  persistence::Restorer restorer;
  restorer.shards = shards;
  restorer.home_of = [&](std::string_view client_id) {
    return static_cast<std::uint32_t>(first.home_of(client_id));
  };
  restorer.keeper_of = [&](std::string_view topic) {
    return static_cast<std::uint32_t>(first.keeper_of(topic));
  };
  restorer.restore = [&](std::uint32_t shard, const broker::JournalBatch& batch) {
    loops.shard(broker::ShardIndex{shard}).restore(batch, now);
  };
  restorer.share = [&](const broker::SharedMessage& message) {
    for (std::uint32_t i = 0; i < shards; ++i) loops.shard(broker::ShardIndex{i}).restore(message);
  };
  const auto loaded = store_->load(restorer);
  if (!loaded) {
    return std::unexpected(
        concat({"The store ", store_->path(), " cannot be read: ", loaded.error().what, "."}));
  }
  std::vector<broker::Shard*> all;
  all.reserve(shards);
  for (std::uint32_t i = 0; i < shards; ++i) all.push_back(&loops.shard(broker::ShardIndex{i}));
  broker::restored(all, loaded->last_key, now);
  if (loaded->forwards > 0) {
    if (const auto done = finish_forwards(all); !done) {
      return std::unexpected(
          concat({"The store ", store_->path(), " cannot be written: ", done.error().what, "."}));
    }
  }
  log_.write_event(
      LogType::information, {.event = broker::Event::store_loading},
      concat({"Store ", store_->path(), ": ", std::to_string(loaded->sessions), " sessions, ",
              std::to_string(loaded->subscriptions), " subscriptions, ",
              std::to_string(loaded->retained), " retained and ", std::to_string(loaded->queued),
              " queued messages, in ",
              std::to_string((transport::Loops::now().milliseconds - now.milliseconds)), " ms."}));
  writer_ = std::make_unique<persistence::Writer>(
      *store_, log_, [&loops](broker::ShardIndex shard, std::uint64_t position) {
        loops.committed(shard, position);
      });
  return {};
}

persistence::Answer<void> StoreService::finish_forwards(std::span<broker::Shard* const> shards) {
  const broker::Instant now = transport::Loops::now();
  const std::vector<broker::ShardBatch> batches = broker::finish_forwards(shards, now);
  auto done = store_->begin();
  for (std::size_t i = 0; done && i < batches.size(); ++i) done = store_->write(batches[i].batch);
  if (done) done = store_->end_forwards();
  if (done) done = store_->commit();
  if (!done) return done;
  for (const broker::ShardBatch& one : batches) {
    shards[static_cast<std::uint32_t>(one.shard)]->committed(one.batch.position, now);
  }
  return {};
}

void StoreService::look(transport::Loops& loops, broker::Instant now) {
  constexpr std::uint64_t pause_seconds = 10;
  if (!writer_->lost()) return;
  const std::uint64_t renewals = writer_->figures().renewals;
  if (renewals == renewals_at_try_ && now < next_renewal_) return;
  renewals_at_try_ = renewals;
  next_renewal_ = after_seconds(now, pause_seconds);
  begin_renewal(loops);
}

// Messages between shards are handled first: a forward that has left has arrived then, and its row
// is not to be written. Messages between shards from there on are noted.
void StoreService::begin_renewal(transport::Loops& loops) {
  if (auto begun = store_->begin_renewal(); !begun) return writer_->not_renewed(begun.error());
  loops.while_parked([&](broker::Instant /*now*/) {
    writer_->renew(loops.count(), [this, &loops](std::uint64_t renewal, broker::ShardIndex index,
                                                 persistence::RenewalStep step) {
      loops.post(index, [=, this](broker::Shard& shard, broker::Instant now) {
        answer(renewal, shard, index, step, now);
      });
    });
  });
}

void StoreService::answer(std::uint64_t renewal, broker::Shard& shard, broker::ShardIndex index,
                          persistence::RenewalStep step, broker::Instant now) {
  persistence::RenewalPortion portion;
  portion.renewal = renewal;
  portion.shard = index;
  switch (step) {
    case persistence::RenewalStep::begin:
      shard.renewal().begin();
      portion.more = true;
      break;
    case persistence::RenewalStep::rows:
      portion.more = shard.renewal().renew(portion.batch);
      break;
    case persistence::RenewalStep::end:
      portion.batch = shard.renewal().end(now);
      break;
  }
  writer_->give(std::move(portion));
}

void StoreService::complete(transport::Loops& loops, const std::function<void()>& goes_on) {
  constexpr auto interval = std::chrono::milliseconds(200);
  if (writer_->lost()) begin_renewal(loops);
  while (!writer_->wait_renewed(interval)) goes_on();
}

void StoreService::renew(transport::Loops& loops, broker::Instant now) {
  std::vector<broker::Shard*> all;
  all.reserve(loops.count());
  for (std::uint32_t i = 0; i < loops.count(); ++i) {
    all.push_back(&loops.shard(broker::ShardIndex{i}));
  }
  std::vector<std::uint64_t> positions;
  const auto done = store_->renew(
      [&](const persistence::Store::Give& give) { positions = broker::rewrite(all, now, give); });
  if (!done) return writer_->not_renewed(done.error());
  writer_->renewed();
  for (std::size_t i = 0; i < all.size(); ++i) all[i]->committed(positions[i], now);
  log_.write_event(LogType::notice, {.event = broker::Event::store_renewal},
                   concat({"The store ", store_->path(), " was written anew."}));
}

void StoreService::finish(transport::Loops& loops) {
  if (writer_->lost()) {
    loops.while_parked([&](broker::Instant now) { renew(loops, now); });
  }
  writer_.reset();
}

}  // namespace server
