#include "transport/loops.h"

#include <cassert>
#include <csignal>
#include <utility>
#include <uv.h>

#include "transport/loop.h"

namespace transport {

Loops::Loops(const LoopOptions& options, const std::vector<broker::ShardOptions>& shards,
             broker::Commons& commons, broker::Log& log, LoginFunction login)
    : options_(options),
      log_(log),
      login_(std::move(login)),
      connections_(options.global_max_connections),
      mailboxes_(static_cast<std::uint32_t>(shards.size())) {
  for (const broker::ShardOptions& shard : shards) {
    assert(static_cast<std::uint32_t>(shard.index) == loops_.size());
    loops_.push_back(std::make_unique<Loop>(*this, shard, commons));
  }
}

Loops::~Loops() { stop(); }

std::expected<void, std::string> Loops::start(std::vector<std::shared_ptr<Listener>> listeners) {
  // A client that is gone is told by the result of a write, not by a signal.
  std::signal(SIGPIPE, SIG_IGN);
  listeners_ = std::move(listeners);
  for (const auto& loop : loops_) {
    if (const int error = loop->open(listeners_); error != 0) {
      loops_.clear();
      return std::unexpected(std::string("Unable to start an event loop: ") + uv_strerror(error) +
                             ".");
    }
  }
  for (const auto& loop : loops_) loop->start();
  running_ = true;
  return {};
}

void Loops::stop() {
  if (!std::exchange(running_, false)) return;
  for (const auto& loop : loops_) loop->begin_stop();
  for (const auto& loop : loops_) loop->join();
}

void Loops::post(broker::ShardIndex shard, Task task) {
  loops_[static_cast<std::uint32_t>(shard)]->post(
      [task = std::move(task)](Loop& loop) mutable { task(loop.shard(), loop.now()); });
}

}  // namespace transport
