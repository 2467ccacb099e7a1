#include "transport/loops.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <csignal>
#include <latch>
#include <thread>
#include <utility>
#include <uv.h>

#include "transport/clock.h"
#include "transport/loop.h"
#include "transport/loop_commons.h"

namespace transport {

Loops::Loops(const LoopOptions& options, const std::vector<broker::ShardOptions>& shards,
             broker::Commons& commons, broker::Log& log, LoginFunction login, StoreFunction store)
    : options_(options),
      commons_(std::make_unique<LoopCommons>(static_cast<std::uint32_t>(shards.size()),
                                             options.global_max_connections, log, std::move(login),
                                             std::move(store))),
      traces_([this](const std::shared_ptr<const TraceList>& list) {
        if (running_)
          everywhere([&list](Loop& loop) { return loop.connections().tracer().take(list); });
      }) {
  for (const broker::ShardOptions& shard : shards) {
    assert(static_cast<std::uint32_t>(shard.index) == loops_.size());
    loops_.push_back(std::make_unique<Loop>(*commons_, options_, shard, commons));
  }
}

Loops::~Loops() { stop(); }

std::expected<void, std::string> Loops::start(std::vector<std::shared_ptr<Listener>> listeners) {
  assert(!running_);
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
  settle_parked();  // before a client can come in
  for (const auto& loop : loops_) loop->start();
  running_ = true;
  return {};
}

void Loops::settle_parked() {
  for (bool busy = true; busy;) {
    busy = false;
    for (const auto& loop : loops_) busy = loop->settle() || busy;
  }
}

void Loops::while_parked(const ParkedWork& work) {
  const auto parked = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(loops_.size()));
  const auto go_on = std::make_shared<std::latch>(1);
  const auto time = std::make_shared<broker::Instant>();  // written between the two latches
  if (running_) {
    for (const auto& each : loops_) {
      each->post([parked, go_on, time](Loop& loop) {
        loop.events().catch_up(now());
        parked->count_down();
        go_on->wait();
        loop.events().catch_up(*time);  // the turn began before `work` did
      });
    }
    parked->wait();
    settle_parked();
  }
  // The loops round their clocks up: theirs may be ahead of this thread's.
  *time = now();
  for (const auto& loop : loops_) *time = std::max(*time, loop->now());
  work(*time);
  go_on->count_down();
}

void Loops::hold_accepting() noexcept { commons_->gate.hold(); }

void Loops::release_accepting() {
  commons_->gate.release();
  if (!running_) return;
  for (const auto& each : loops_) each->post([](Loop& loop) { loop.acceptors().release(); });
}

broker::Shard& Loops::shard(broker::ShardIndex index) {
  assert(static_cast<std::uint32_t>(index) < loops_.size());
  return loops_[static_cast<std::uint32_t>(index)]->shard();
}

broker::Instant Loops::now() noexcept { return {Clock::boot_milliseconds()}; }

LoopFigures Loops::take_figures() noexcept {
  LoopFigures now;
  for (const auto& loop : loops_) {
    now.turn_milliseconds =
        std::max(now.turn_milliseconds, loop->turns().take_longest_milliseconds());
  }
  turn_max_milliseconds_ = std::max(turn_max_milliseconds_, now.turn_milliseconds);
  now.turn_max_milliseconds = turn_max_milliseconds_;
  return now;
}

void Loops::ask_reports(const ReportDone& done) {
  for (const auto& each : loops_) {
    each->post([done](Loop& loop) { done(loop.index(), loop.report()); });
  }
}

void Loops::committed(broker::ShardIndex shard, std::uint64_t position) {
  assert(static_cast<std::uint32_t>(shard) < loops_.size());
  loops_[static_cast<std::uint32_t>(shard)]->post(
      [position](Loop& loop) { loop.shard().committed(position, loop.now()); });
}

void Loops::stop() {
  if (!std::exchange(running_, false)) return;
  const broker::Instant deadline =
      broker::after_milliseconds(now(), options_.stop_timeout_milliseconds);
  // In the turn that begins now a DISCONNECT may be read that was there before.
  for (int turn = 0; turn < 2; ++turn) everywhere([](Loop&) { return false; });
  everywhere([](Loop& loop) {
    if (loop.resident() != nullptr) loop.resident()->stop();
    return false;
  });
  everywhere([](Loop& loop) {
    loop.shutdown().stop_input();
    return false;
  });
  everywhere(
      [deadline](Loop& loop) { return now() < deadline && loop.shutdown().publish_wills(); });
  settle(deadline);
  everywhere([](Loop& loop) {
    loop.shutdown().begin();
    return false;
  });
  settle(broker::after_milliseconds(now(), options_.stop_timeout_milliseconds / 2));
  for (const auto& loop : loops_) loop->post([](Loop& each) { each.shutdown().permit_end(); });
  for (const auto& loop : loops_) loop->join();
}

// A message that goes on from one shard to another does so in the round in which it arrives there,
// and none goes further than from a publisher to a group, its member, back and to another member.
void Loops::settle(broker::Instant deadline) {
  const int rounds = count() == 1 ? 1 : 5;
  for (int quiet = 0; quiet < rounds && now() < deadline;) {
    std::atomic<bool> busy{false};
    everywhere([&busy](Loop& loop) {
      if (loop.shutdown().carry_on()) busy = true;
      return false;
    });
    quiet = busy ? 0 : quiet + 1;
    if (busy) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Loops::everywhere(const std::function<bool(Loop&)>& step) {
  const auto done = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(loops_.size()));
  for (const auto& each : loops_) {
    each->post([&step, done](Loop& loop) { loop.repeat(step, done); });
  }
  done->wait();
}

void Loops::run_everywhere(const Step& step) {
  if (!running_) return;
  everywhere([&step](Loop& loop) { return step(loop.index(), loop.shard(), loop.now()); });
}

void Loops::reconfigure(const LoopOptions& options,
                        std::vector<std::shared_ptr<Listener>> listeners) {
  options_ = options;
  listeners_ = std::move(listeners);
  commons_->connections.set_most(options.global_max_connections);
  if (!running_) return;
  const auto done = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(loops_.size()));
  for (const auto& each : loops_) {
    each->post([this, done](Loop& loop) {
      loop.reconfigure(options_, listeners_);
      done->count_down();
    });
  }
  done->wait();
}

std::size_t Loops::mail_waiting() const noexcept { return commons_->mailboxes.waiting(); }

std::vector<AddressTable::Ban> Loops::bans() { return commons_->addresses.bans(now()); }

std::size_t Loops::lift_bans(const AddressTable::Hits& hits) {
  return commons_->addresses.lift_bans(hits, now());
}

std::int64_t Loops::connections() const noexcept { return commons_->connections.count(); }

std::uint64_t Loops::peer_publishes_dropped() const noexcept {
  return commons_->mailboxes.dropped();
}

void Loops::post_loop(broker::ShardIndex shard, LoopDoor::Work work) {
  assert(static_cast<std::uint32_t>(shard) < loops_.size());
  loops_[static_cast<std::uint32_t>(shard)]->post(std::move(work));
}

void Loops::post(broker::ShardIndex shard, Task task) {
  assert(static_cast<std::uint32_t>(shard) < loops_.size());
  loops_[static_cast<std::uint32_t>(shard)]->post(
      [task = std::move(task)](Loop& loop) mutable { task(loop.shard(), loop.now()); });
}

}  // namespace transport
