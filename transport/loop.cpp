#include "transport/loop.h"

#include <cassert>
#include <csignal>
#include <pthread.h>
#include <utility>

#include "transport/clock.h"

namespace transport {

namespace {

Loop& of(void* owner) { return *static_cast<Loop*>(owner); }

/// The loop of this thread; null on all others.
thread_local const Loop* loop_here = nullptr;

}  // namespace

bool is_thread_of(const Loop& loop) noexcept { return loop_here == &loop; }

Loop::Loop(LoopCommons& commons, const LoopOptions& options, const broker::ShardOptions& shard,
           broker::Commons& shard_commons)
    : commons_(commons),
      index_(shard.index),
      options_(options),
      shard_(shard, shard_commons, commons.log),
      connections_(*this),
      acceptors_(*this),
      mail_(commons.mailboxes, commons.doors, broker::peer_of_shard(shard.index)),
      logins_(*this),
      shutdown_(*this) {
  assert(static_cast<std::uint32_t>(index_) < commons.doors.size());
}

Loop::~Loop() {
  // The thread has ended, or never began: the destroying thread runs the loop to its end.
  if (!events_.is_open()) return;
  connections_.drop_all();
  resident_.reset();
  acceptors_.close();
  door().close();
  events_.close();
}

int Loop::open(const std::vector<std::shared_ptr<Listener>>& listeners) {
  if (const int error = events_.open({.owner = this,
                                      .tick = [](void* owner) { of(owner).tick(); },
                                      .prepare = [](void* owner) { of(owner).prepare(); },
                                      .woke =
                                          [](void* owner) {
                                            Loop& loop = of(owner);
                                            loop.turns_.woke(loop.events_.awake_now());
                                          }})) {
    return error;
  }
  const auto woken = [](uv_async_t* bell) { of(bell->data).wake(); };
  if (const int error = door().open(events_.uv(), this, woken)) return error;
  return acceptors_.open(listeners);
}

void Loop::reconfigure(const LoopOptions& options,
                       const std::vector<std::shared_ptr<Listener>>& listeners) {
  assert(is_thread_of(*this));
  const std::int64_t more_seconds =
      std::int64_t{options.handshake_timeout_seconds} - options_.handshake_timeout_seconds;
  options_ = options;
  if (shutdown_.has_begun()) return;
  connections_.move_handshakes(more_seconds);
  connections_.arrivals().count_addresses(listeners);
  acceptors_.replace(listeners);
}

void Loop::repeat(const std::function<bool(Loop&)>& step, const std::shared_ptr<std::latch>& done) {
  assert(is_thread_of(*this));
  if (!step(*this)) return done->count_down();
  // The sockets have their turn first.
  post([&step, done](Loop& loop) { loop.repeat(step, done); });
}

bool Loop::settle() {
  const bool busy = !shard_.peer_outbox().empty() || mail_.waits();
  send_mail();
  receive_mail();
  return busy;
}

void Loop::start() {
  // Signals are for the thread that waits for them, not for loops.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  assert(events_.is_open() && !thread_.joinable());
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Loop::run() {
  loop_here = this;
  turns_.wait();  // whatever was settled before belongs to no turn
  turns_.woke({Clock::monotonic_milliseconds()});
  events_.run();
}

void Loop::join() {
  assert(!is_thread_of(*this));
  if (thread_.joinable()) thread_.join();
}

void Loop::wake() {
  assert(is_thread_of(*this));
  if (!mail_.alone()) {
    const bool was_blocked = blocked();
    note_input();
    mail_.awake();
    receive_mail();
    if (!blocked()) {
      if (was_blocked) shard_.reads(true, now());
      connections_.reader().resume_all();
    }
  }
  door().run_work(*this);
}

/// The end of a turn, just before the loop waits.
void Loop::prepare() {
  turns_.next();
  before_input();
  for (const auto& arrival : arrivals_.take_due()) connections_.adopt(std::move(*arrival));
  if (!blocked()) connections_.packets().take_due();
  const bool resident_is_busy = resident_ != nullptr && resident_->work();
  bool may_wait = blocked() || (!shard_.work(now()) && !connections_.packets().has_due());
  flush();
  may_wait = mail_.may_sleep() && may_wait && !resident_is_busy;
  may_wait = may_wait && shard_.outbox().empty() && !arrivals_.has_due();
  shutdown_.end_if_done();
  events_.may_wait(may_wait);
  turns_.wait();
  sample_.turn(turns_.number());
}

void Loop::tick() {
  assert(is_thread_of(*this));
  tick_shard();
  connections_.tick();
  if (resident_ != nullptr) resident_->tick();
  acceptors_.tick();
}

void Loop::tick_shard() {
  before_input();  // sessions may end
  if (shard_.tick(now())) post([](Loop& loop) { loop.tick_shard(); });
}

void Loop::after_input(std::size_t bytes) {
  assert(is_thread_of(*this));
  if (pace_.note_input(bytes) || shard_.outbox().full()) flush();
}

void Loop::flush() {
  turns_.woke(events_.awake_now());
  const bool is_measured = sample_.is_measured();
  const bool sends = is_measured && !shard_.outbox().empty();
  do {
    pace_.run([this] { return flush_round(); });
    // Packets that the shard held back for a full outbox are handled before anything else is read.
  } while (shard_.go_on(now()));
  turns_.left({Clock::monotonic_milliseconds()});
  if (is_measured) sample_.left(Clock::monotonic_microseconds(), sends);
}

LoopReport Loop::report() const {
  assert(is_thread_of(*this));
  LoopReport report{shard_.metrics(), counts_};
  report.counts.turn = sample_.whole();
  report.counts.route = sample_.first_output();
  report.counts.end_to_end = sample_.crossings();
  report.counts.end_to_end.add(report.counts.route);
  return report;
}

/// Returns whether there was anything to write.
bool Loop::flush_round() {
  if (commons_.store) {
    shard_.end_turn(now());
    auto batch = shard_.take_journal(now(), shutdown_.has_begun());
    if (batch) commons_.store(index_, std::move(*batch));
  }
  broker::Outbox& outbox = shard_.outbox();
  if (outbox.empty() && shard_.peer_outbox().empty()) return false;
  logins_.ask();
  move_connections();
  send_mail();
  outbox.drain_output([this](broker::ConnectionId connection, broker::Output& output) {
    connections_.write(connection, output);
  });
  for (const broker::CloseRequest& request : outbox.take_closes()) connections_.close(request);
  for (const broker::ResumeRequest& request : outbox.take_resumes()) {
    connections_.reader().resume(request.connection);
  }
  connections_.report();
  return true;
}

void Loop::move_connections() {
  if (mail_.alone()) return;
  for (broker::HandoffRequest& request : shard_.outbox().take_handoffs()) {
    const auto home = static_cast<std::uint32_t>(request.home);
    assert(home < commons_.doors.size() && request.home != index_);
    std::unique_ptr<Handoff> handoff = connections_.hand_off(std::move(request));
    if (handoff == nullptr) continue;
    commons_.doors[home].post([handoff = std::move(handoff)](Loop& loop) mutable {
      loop.arrivals_.add(std::move(handoff));
    });
  }
}

void Loop::send_mail() {
  const bool was_blocked = blocked();
  const std::size_t dropped = mail_.send(shard_.peer_outbox(), sample_.begun_microseconds());
  if (dropped > 0) shard_.dropped_mail(dropped);
  if (!was_blocked && blocked()) shard_.reads(false, now());
}

void Loop::receive_mail() {
  mail_.receive([this](broker::PeerId from, broker::PeerMessage message) {
    shard_.from_peer(shard_of(from), std::move(message), now());
    if (shard_.outbox().full()) flush();
  });
  sample_.crossed(mail_.take_begun());
}

}  // namespace transport
