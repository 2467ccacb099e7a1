#include "broker/server/service_manager.h"

#include <bit>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <utility>

#include "broker/core/text.h"
#include "transport/loops.h"

namespace server {
namespace {

using broker::concat;

/// A notification that systemd does not receive is no reason to fail.
void notify(const std::string& state) { static_cast<void>(::sd_notify(0, state.c_str())); }

std::string monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000);
}

std::string names_of(std::uint64_t loops) {
  std::string names;
  for (int loop = 0; loops != 0; ++loop, loops >>= 1U) {
    if ((loops & 1U) != 0) names += concat({names.empty() ? "" : ", ", std::to_string(loop)});
  }
  return names;
}

}  // namespace

void ServiceManager::ready(std::string_view status) {
  // With -d the process that systemd started has gone.
  notify(concat({"READY=1\nSTATUS=", status, "\nMAINPID=", std::to_string(::getpid())}));
}

void ServiceManager::reloading() {
  notify(concat({"RELOADING=1\nMONOTONIC_USEC=", monotonic_microseconds(),
                 "\nSTATUS=Reading the configuration again"}));
}

void ServiceManager::stopping() {
  notify("STOPPING=1\nSTATUS=Ending: what is stored is written out");
}

void ServiceManager::watch(transport::Loops& loops, std::uint32_t count) {
  std::uint64_t timeout_microseconds = 0;
  if (::sd_watchdog_enabled(0, &timeout_microseconds) <= 0) return;
  watchdog_.emplace(
      static_cast<std::int64_t>(timeout_microseconds / 1000), count,
      [&loops](std::uint32_t loop, Watchdog::Answer answer) {
        loops.post(broker::ShardIndex{loop},
                   [answer = std::move(answer)](broker::Shard&, broker::Instant) { answer(); });
      });
}

void ServiceManager::goes_on() const {
  if (watchdog_) notify("WATCHDOG=1");
}

void ServiceManager::look(broker::Instant now) {
  if (!watchdog_) return;
  const Watchdog::Sight sight = watchdog_->look(now);
  if (sight.alive) notify("WATCHDOG=1");
  if (sight.silent_loops == 0) return;
  log_.write_event(broker::LogType::warning, {.event = broker::Event::event_loop_silent},
                   concat({"Warning: event loop ", names_of(sight.silent_loops),
                           " has not answered for ", std::to_string(sight.silent_milliseconds),
                           " ms; systemd will start the broker anew if it stays so."}));
}

std::int64_t ServiceManager::sooner_milliseconds(std::int64_t wait_milliseconds) const {
  return watchdog_ ? std::min(wait_milliseconds, watchdog_->interval_milliseconds())
                   : wait_milliseconds;
}

}  // namespace server
