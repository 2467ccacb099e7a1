#include "auth/authenticator.h"

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <utility>

#include "auth/giving_way.h"
#include "auth/hash_memory.h"
#include "auth/login_desk.h"
#include "auth/realm.h"

namespace auth {
namespace {

using Clock = std::chrono::steady_clock;
using broker::LoginRequest;
using broker::Verdict;

std::size_t thread_count(std::size_t wanted) {
  if (wanted > 0) return wanted;
  return std::max<std::size_t>(1, std::thread::hardware_concurrency() / 2);
}

/// Loops come first where they share a core with hashing. Linux has a nice value for each thread.
void step_back() {
  constexpr int nice = 10;
  constexpr id_t this_thread = 0;
  static_cast<void>(::setpriority(PRIO_PROCESS, this_thread, nice));
}

void give(LoginDesk::Answers answers) {
  for (LoginDesk::Answer& answer : answers) answer.done(std::move(answer.verdict));
}

}  // namespace

/// The threads that hash, and the lock around the desk that gives them work.
class Authenticator::State {
 public:
  explicit State(AuthenticatorOptions options);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::optional<Verdict> verify(LoginRequest request, broker::LoginDone done);
  std::vector<RealmChange> replace_realms(std::vector<std::shared_ptr<const Realm>> realms);
  RealmTable::Sheet permissions(RealmId realm, const std::optional<std::string>& user);
  AuthenticatorStatistics statistics() const;

 private:
  void work();
  void wait(HashMemory& memory, Clock::time_point idle_from, std::unique_lock<std::mutex>& lock);
  void run(LoginDesk::Task task, HashMemory& memory, std::unique_lock<std::mutex>& lock);
  Match compute(const LoginDesk::Task::Hashing& hashing, HashMemory& memory) const;

  const AuthenticatorOptions options_;

  std::mutex replacing_;      // held while realms are compared and replaced; taken before mutex_
  mutable std::mutex mutex_;  // guards all that follows, up to threads_
  std::condition_variable wake_;
  bool stopping_ = false;
  LoginDesk desk_;
  std::size_t hash_memory_bytes_ = 0;  // kept by the threads

  std::vector<std::thread> threads_;
};

Authenticator::State::State(AuthenticatorOptions options)
    : options_(std::move(options)), desk_(options_) {
  const std::size_t count = thread_count(options_.threads);
  threads_.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    threads_.emplace_back([this] {
      step_back();
      work();
    });
}

Authenticator::State::~State() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  give(desk_.abandon());  // no thread is left
}

std::optional<Verdict> Authenticator::State::verify(LoginRequest request, broker::LoginDone done) {
  const std::scoped_lock lock(mutex_);
  auto verdict = desk_.verify(std::move(request), std::move(done), Clock::now());
  if (desk_.take_needs_thread()) wake_.notify_one();
  return verdict;
}

// ---- a thread that hashes -----------------------------------------------------------------------

void Authenticator::State::work() {
  HashMemory memory;
  Clock::time_point idle_from;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (auto task = desk_.next(Clock::now())) {
      if (desk_.has_task()) wake_.notify_one();  // several may have come due at once
      run(std::move(*task), memory, lock);
      idle_from = Clock::now();
    } else {
      wait(memory, idle_from, lock);
    }
  }
}

/// Until there may be something to do. Memory goes back to the system when nobody has logged in for
/// a while.
void Authenticator::State::wait(HashMemory& memory, Clock::time_point idle_from,
                                std::unique_lock<std::mutex>& lock) {
  assert(lock.owns_lock() && lock.mutex() == &mutex_);
  constexpr std::chrono::seconds kept{1};
  if (!memory.empty() && Clock::now() >= idle_from + kept) {
    hash_memory_bytes_ -= memory.bytes();
    lock.unlock();
    memory.release();
    lock.lock();
    return;
  }
  auto until = desk_.next_due();
  if (!memory.empty()) until = std::min(until.value_or(Clock::time_point::max()), idle_from + kept);
  if (until) {
    wake_.wait_until(lock, *until);
  } else {
    wake_.wait(lock);
  }
}

void Authenticator::State::run(LoginDesk::Task task, HashMemory& memory,
                               std::unique_lock<std::mutex>& lock) {
  assert(lock.owns_lock() && lock.mutex() == &mutex_);
  Match match = Match::no;
  if (task.hashing) {
    const std::size_t kept_bytes = memory.bytes();
    lock.unlock();
    match = compute(*task.hashing, memory);
    task.hashing.reset();  // wipes the password
    lock.lock();
    hash_memory_bytes_ += memory.bytes() - kept_bytes;
  }
  auto answers = desk_.finish(task.key, match, Clock::now());
  if (desk_.take_needs_thread()) wake_.notify_one();
  lock.unlock();
  give(std::move(answers));
  lock.lock();
}

Match Authenticator::State::compute(const LoginDesk::Task::Hashing& hashing,
                                    HashMemory& memory) const {
  const GivingWay giving_way;
  const std::string_view password = hashing.password.text();
  return options_.verify ? options_.verify(hashing.hash, password)
                         : hashing.hash.verify(password, memory);
}

// ---- realms and statistics ----------------------------------------------------------------------

std::vector<RealmChange> Authenticator::State::replace_realms(
    std::vector<std::shared_ptr<const Realm>> realms) {
  // Realms change here only, so this lock alone suffices to read them: no login waits meanwhile.
  const std::scoped_lock replacing(replacing_);
  RealmTable next = desk_.make_realms(std::move(realms));
  std::vector<RealmChange> changes = desk_.realms().changes_to(next);
  {
    const std::scoped_lock lock(mutex_);
    desk_.swap_realms(next);
  }
  return changes;
}

RealmTable::Sheet Authenticator::State::permissions(RealmId realm,
                                                    const std::optional<std::string>& user) {
  const std::scoped_lock lock(mutex_);
  return desk_.permissions(realm, user);
}

AuthenticatorStatistics Authenticator::State::statistics() const {
  const std::scoped_lock lock(mutex_);
  AuthenticatorStatistics now = desk_.statistics();
  now.hash_memory_bytes = hash_memory_bytes_;
  return now;
}

// ---- the door -----------------------------------------------------------------------------------

Authenticator::Authenticator(AuthenticatorOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

Authenticator::~Authenticator() = default;

std::optional<Verdict> Authenticator::verify(LoginRequest request, broker::LoginDone done) {
  return state_->verify(std::move(request), std::move(done));
}

std::vector<RealmChange> Authenticator::replace_realms(
    std::vector<std::shared_ptr<const Realm>> realms) {
  return state_->replace_realms(std::move(realms));
}

std::shared_ptr<const broker::Permissions> Authenticator::permissions(
    RealmId realm, const std::optional<std::string>& user) const {
  return state_->permissions(realm, user);
}

AuthenticatorStatistics Authenticator::statistics() const { return state_->statistics(); }

}  // namespace auth
