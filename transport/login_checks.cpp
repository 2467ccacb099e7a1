#include "transport/login_checks.h"

#include <cassert>
#include <memory>
#include <utility>

#include "transport/clock.h"
#include "transport/loop.h"

namespace transport {

void LoginChecks::ask() {
  for (broker::LoginRequest& request : loop_.shard().outbox().take_logins()) {
    const broker::ConnectionId connection = request.connection;
    const std::optional<AddressKey> blamed = loop_.connections().arrivals().login_key(connection);
    check(std::move(request), blamed, [this, connection, blamed](const broker::Verdict& verdict) {
      judge(connection, blamed, verdict);
    });
  }
}

void LoginChecks::check_http(broker::LoginRequest request, broker::LoginDone done) {
  const std::optional<AddressKey> blamed =
      loop_.connections().arrivals().login_key(request.connection);
  check(std::move(request), blamed,
        [this, blamed, done = std::move(done)](const broker::Verdict& verdict) mutable {
          blame(blamed, verdict);
          done(verdict);
        });
}

/// `done` has the answer on the thread of the loop.
void LoginChecks::check(broker::LoginRequest request, const std::optional<AddressKey>& blamed,
                        broker::LoginDone done) {
  if (blamed && loop_.connections().arrivals().is_banned(*blamed)) {
    ++loop_.counts().logins[static_cast<std::size_t>(LoginResult::banned)];
    return done({mqtt::Reason::banned, nullptr, "its address is banned"});
  }
  const std::int64_t asked = Clock::monotonic_microseconds();
  // The authority drops its copy of `done` if it answers at once.
  const auto shared = std::make_shared<broker::LoginDone>(std::move(done));
  const auto verdict =
      loop_.commons().login(std::move(request), [this, asked, shared](broker::Verdict late) {
        loop_.post([this, asked, shared, late = std::move(late)](Loop&) {
          count(late.reason, asked);
          (*shared)(late);
        });
      });
  if (!verdict) return;
  count(verdict->reason, asked);
  (*shared)(*verdict);
}

void LoginChecks::count(mqtt::Reason reason, std::int64_t asked_microseconds) {
  LoopCounts& counts = loop_.counts();
  ++counts.logins[static_cast<std::size_t>(login_result_of(reason))];
  const std::int64_t passed = Clock::monotonic_microseconds() - asked_microseconds;
  counts.login.add(static_cast<std::uint64_t>(passed));
}

void LoginChecks::judge(broker::ConnectionId connection, const std::optional<AddressKey>& blamed,
                        const broker::Verdict& verdict) {
  assert(is_thread_of(loop_));
  const bool counts = loop_.shard().decided(connection, verdict, loop_.now());
  if (!counts) return;
  blame(blamed, verdict);
  loop_.connections().reader().resume(connection);
}

void LoginChecks::blame(const std::optional<AddressKey>& blamed, const broker::Verdict& verdict) {
  if (!blamed || !broker::is_wrong_login(verdict.reason)) return;
  loop_.connections().arrivals().count_failed_login(*blamed);
}

}  // namespace transport
