#include "transport/loop.h"

#include <cassert>
#include <csignal>
#include <pthread.h>
#include <utility>

namespace transport {

namespace {

constexpr std::uint64_t tick_milliseconds = 100;
/// Bytes read before output leaves even within a turn: bounds the output that gathers.
constexpr std::size_t flush_bytes = std::size_t{256} << 10U;
/// Sockets read, or found to be at their end, before output leaves: libuv hands out up to 48 times
/// 1024 of them in one go, and when everybody comes at once, none of them may wait for all the
/// others.
constexpr int inputs_per_flush = 64;
/// A flush may make more output (a socket with room asks for more); after so many rounds sockets
/// are looked at again.
constexpr int rounds_max = 8;

Loop& of(const uv_async_t* handle) { return *static_cast<Loop*>(handle->data); }

constexpr std::uint64_t bit_of(std::uint32_t shard) noexcept { return std::uint64_t{1} << shard; }
static_assert(broker::Interest::shards_max <= 64);  // one bit each

/// The loop of this thread; null on all others.
thread_local const Loop* loop_here = nullptr;

}  // namespace

Loop::Loop(Loops& loops, const broker::ShardOptions& options, broker::Commons& commons)
    : loops_(loops),
      index_(options.index),
      options_(loops.options_),
      shard_(options, commons, loops.log_),
      connections_(*this),
      acceptors_(*this) {}

Loop::~Loop() {
  if (opened_) close_handles();
}

int Loop::open(const std::vector<std::shared_ptr<Listener>>& listeners) {
  if (const int error = uv_loop_init(&uv_); error != 0) return error;
  opened_ = true;
  uv_.data = this;
  bell_.data = timer_.data = prepare_.data = check_.data = idle_.data = this;
  if (const int error = uv_async_init(&uv_, &bell_, [](uv_async_t* bell) { of(bell).wake(); })) {
    return error;
  }
  uv_timer_init(&uv_, &timer_);
  uv_prepare_init(&uv_, &prepare_);
  uv_check_init(&uv_, &check_);
  uv_idle_init(&uv_, &idle_);
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<Loop*>(timer->data)->tick(); },
      tick_milliseconds, tick_milliseconds);
  uv_prepare_start(&prepare_,
                   [](uv_prepare_t* handle) { static_cast<Loop*>(handle->data)->prepare(); });
  // After the callbacks of a wait: their time is still the loop's.
  uv_check_start(&check_, [](uv_check_t* handle) {
    Loop& loop = *static_cast<Loop*>(handle->data);
    loop.turns_.woke({static_cast<std::int64_t>(uv_now(&loop.uv_))});
  });
  return acceptors_.open(listeners);
}

void Loop::reconfigure(const LoopOptions& options,
                       const std::vector<std::shared_ptr<Listener>>& listeners) {
  assert(loop_here == this);
  const std::int64_t more_seconds =
      std::int64_t{options.handshake_timeout_seconds} - options_.handshake_timeout_seconds;
  options_ = options;
  if (stopping()) return;
  connections_.move_handshakes(more_seconds);
  connections_.arrivals().count_addresses(listeners);
  acceptors_.replace(listeners);
}

void Loop::repeat(const std::function<bool(Loop&)>& step, const std::shared_ptr<std::latch>& done) {
  if (!step(*this)) return done->count_down();
  // The sockets have their turn first.
  post([&step, done](Loop& loop) { loop.repeat(step, done); });
}

bool Loop::settle() {
  const bool busy = !shard_.peer_outbox().empty() || !loops_.mailboxes_.empty(index_);
  tell_peers();
  drain_mailboxes();
  return busy;
}

void Loop::start() {
  // Signals are for the thread that waits for them, not for loops.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  assert(opened_ && !thread_.joinable());
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Loop::run() {
  loop_here = this;
  turns_.wait();  // whatever was settled before belongs to no turn
  turns_.woke({Clock::monotonic_milliseconds()});
  uv_run(&uv_, UV_RUN_DEFAULT);
}

void Loop::join() {
  assert(loop_here != this);
  if (thread_.joinable()) thread_.join();
}

void Loop::post(Work work) {
  posted_.add(std::move(work));
  ring();
}

void Loop::give_room(std::uint32_t peer) noexcept {
  room_.fetch_or(bit_of(peer), std::memory_order_release);
  ring();
}

void Loop::wake() {
  assert(loop_here == this);
  if (!alone()) {
    loops_.mailboxes_.awake(index_);
    const bool was_blocked = blocked();
    blocked_by_ &= ~room_.exchange(0, std::memory_order_acquire);
    drain_mailboxes();
    if (!blocked()) {
      if (was_blocked) shard_.reads(true, now());
      connections_.reader().resume_all();
    }
  }
  posted_.run(*this);
}

/// The end of a turn, just before the loop waits.
void Loop::prepare() {
  ++turn_;
  if (!alone()) {
    drain_mailboxes();
    adopt_arrivals();
  }
  if (!blocked()) connections_.reader().take_line();
  bool may_wait = blocked() || (!shard_.work(now()) && !connections_.reader().has_line());
  flush();
  if (!alone()) may_wait = loops_.mailboxes_.may_sleep(index_) && may_wait;
  may_wait = may_wait && shard_.outbox().empty() && due_arrivals_.empty();
  if (stopping_) stop_when_done();
  if (may_wait) {
    uv_idle_stop(&idle_);
  } else {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
  }
  turns_.wait();
}

void Loop::tick() {
  assert(loop_here == this);
  slept_.look();
  tick_shard();
  connections_.tick();
  acceptors_.tick();
}

void Loop::tick_shard() {
  before_input();  // sessions may end
  if (shard_.tick(now())) post([](Loop& loop) { loop.tick_shard(); });
}

void Loop::after_input(std::size_t bytes) {
  assert(loop_here == this);
  input_bytes_ += bytes;
  ++inputs_;
  if (input_bytes_ >= flush_bytes || inputs_ >= inputs_per_flush || shard_.outbox().full()) flush();
}

void Loop::flush() {
  turns_.woke({static_cast<std::int64_t>(uv_now(&uv_))});
  flush_rounds();
  // Packets that the shard held back for a full outbox are handled before anything else is read.
  while (shard_.go_on(now())) flush_rounds();
  turns_.left({Clock::monotonic_milliseconds()});
}

void Loop::flush_rounds() {
  input_bytes_ = 0;
  inputs_ = 0;
  for (int round = 0; round < rounds_max; ++round) {
    if (loops_.store_) keep_journal();
    if (shard_.outbox().empty() && shard_.peer_outbox().empty()) return;
    flush_once();
  }
}

void Loop::flush_once() {
  broker::Outbox& outbox = shard_.outbox();
  check_logins();
  move_connections();
  tell_peers();
  outbox.drain_output([this](broker::ConnectionId connection, broker::Output& output) {
    connections_.write(connection, output);
  });
  for (const broker::CloseRequest& request : outbox.take_closes()) connections_.close(request);
  for (const broker::ResumeRequest& request : outbox.take_resumes()) {
    connections_.reader().resume(request.connection);
  }
  connections_.report();
}

void Loop::keep_journal() {
  shard_.end_turn(now());
  if (auto batch = shard_.take_journal(now(), stopping())) {
    loops_.store_(index_, std::move(*batch));
  }
}

/// A wrong login counts also if its client did not wait for the answer.
void Loop::check_logins() {
  for (broker::LoginRequest& request : shard_.outbox().take_logins()) {
    const broker::ConnectionId connection = request.connection;
    const std::optional<AddressKey> blamed = connections_.arrivals().login_key(connection);
    if (blamed && connections_.arrivals().is_banned(*blamed)) {
      judge(connection, std::nullopt, {mqtt::Reason::banned, nullptr, "its address is banned"});
      continue;
    }
    const LoginDone done = [this, connection, blamed](broker::Verdict verdict) {
      post([connection, blamed, verdict = std::move(verdict)](Loop& loop) {
        loop.judge(connection, blamed, verdict);
      });
    };
    const auto verdict = loops_.login_(std::move(request), done);
    if (verdict) judge(connection, blamed, *verdict);
  }
}

void Loop::judge(broker::ConnectionId connection, const std::optional<AddressKey>& blamed,
                 const broker::Verdict& verdict) {
  const bool counts = shard_.decided(connection, verdict, now());
  if (counts && blamed && broker::is_wrong_login(verdict.reason)) {
    connections_.arrivals().count_failed_login(*blamed);
  }
  if (counts) connections_.reader().resume(connection);
}

void Loop::move_connections() {
  if (alone()) return;
  for (broker::HandoffRequest& request : shard_.outbox().take_handoffs()) {
    assert(static_cast<std::uint32_t>(request.home) < loops_.count() && request.home != index_);
    Loop& home = *loops_.loops_[static_cast<std::uint32_t>(request.home)];
    std::unique_ptr<Handoff> handoff = connections_.hand_off(std::move(request));
    if (handoff == nullptr) continue;
    home.post(
        [handoff = std::move(handoff)](Loop& loop) mutable { loop.expect(std::move(handoff)); });
  }
}

/// Takes in the connections that came home before the sockets of this turn were polled. A client
/// that sends DISCONNECT, closes and connects again has its DISCONNECT in the old socket before its
/// CONNECT is handed over; had that socket not been read, the takeover would publish the will. The
/// bell that announces the handoff may stand before the old socket in the poll's list: only a poll
/// that began after the handoff is sure to have seen the older input.
void Loop::adopt_arrivals() {
  for (const auto& arrival : std::exchange(due_arrivals_, std::exchange(arrivals_, {}))) {
    connections_.adopt(std::move(*arrival));
  }
}

void Loop::tell_peers() {
  broker::PeerOutbox& peers = shard_.peer_outbox();
  if (peers.empty()) return;
  for (std::uint32_t to = 0; to < loops_.count(); ++to) {
    const broker::ShardIndex peer{to};
    const auto pushed = loops_.mailboxes_.push(index_, peer, peers.messages(peer));
    if (pushed.wake) loops_.loops_[to]->ring();
    if (pushed.dropped > 0) shard_.dropped_mail(pushed.dropped);
    if (!pushed.full) continue;
    if (!blocked()) shard_.reads(false, now());
    blocked_by_ |= bit_of(to);
  }
  peers.settled();
}

void Loop::drain_mailboxes() {
  const std::uint64_t waiting =
      loops_.mailboxes_.drain(index_, [this](broker::ShardIndex from, broker::PeerMessage message) {
        shard_.from_peer(from, std::move(message), now());
        if (shard_.outbox().full()) flush();
      });
  for (std::uint32_t peer = 0; waiting >> peer != 0; ++peer) {
    if ((waiting & bit_of(peer)) != 0)
      loops_.loops_[peer]->give_room(static_cast<std::uint32_t>(index_));
    if (peer == broker::Interest::shards_max - 1) break;
  }
}

void Loop::tell_of_descriptors() {
  if (!loops_.may_tell_of_descriptors(now())) return;
  log().write(broker::LogType::error,
              "No more connections can be accepted: too many open files. They wait until others "
              "close.");
}

bool Loop::is_one_of_the_last(int descriptor) const noexcept {
  return transport::is_one_of_the_last(descriptor, options_.open_files_max);
}

void Loop::stop_input() {
  acceptors_.pause();
  connections_.drop_strangers();
  input_stopped_ = true;
  shard_.reads(false, now());
}

bool Loop::publish_wills() {
  if (blocked_by_ != 0) return true;  // its peers make room meanwhile
  const bool more = shard_.publish_wills(next_will_, now());
  flush();
  return more;
}

bool Loop::carry_on() {
  if (!alone()) drain_mailboxes();
  flush();
  return shard_.journal_pending();
}

void Loop::begin_stop() {
  assert(loop_here == this);
  shard_.shut_down(now());
  input_stopped_ = false;  // the end of a connection is read
  stopping_ = true;
  stop_deadline_ = broker::after_milliseconds(now(), options().stop_timeout_milliseconds);
}

void Loop::stop_when_done() {
  assert(loop_here == this);
  if (!may_end_) return;  // others may have something for it still
  const bool waits = connections_.size() > 0 || shard_.journal_pending();
  if (waits && now() < stop_deadline_) return;
  connections_.drop_all();
  uv_stop(&uv_);
}

void Loop::close_handles() {
  // The thread has ended, or never began: the destroying thread runs the loop to its end.
  connections_.drop_all();
  acceptors_.close();
  for (uv_handle_t* handle :
       {reinterpret_cast<uv_handle_t*>(&bell_), reinterpret_cast<uv_handle_t*>(&timer_),
        reinterpret_cast<uv_handle_t*>(&prepare_), reinterpret_cast<uv_handle_t*>(&check_),
        reinterpret_cast<uv_handle_t*>(&idle_)}) {
    if (handle->loop != nullptr && uv_is_closing(handle) == 0) uv_close(handle, nullptr);
  }
  uv_run(&uv_, UV_RUN_DEFAULT);
  const int error = uv_loop_close(&uv_);
  assert(error == 0);
  static_cast<void>(error);
}

}  // namespace transport
