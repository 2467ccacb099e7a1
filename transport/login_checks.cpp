#include "transport/login_checks.h"

#include <utility>

#include "transport/clock.h"
#include "transport/loop.h"

namespace transport {

void LoginChecks::ask() {
  for (broker::LoginRequest& request : loop_.shard().outbox().take_logins()) {
    check(std::move(request));
  }
}

void LoginChecks::check(broker::LoginRequest request) {
  Arrivals& arrivals = loop_.connections().arrivals();
  const broker::ConnectionId connection = request.connection;
  const std::optional<AddressKey> blamed = arrivals.login_key(connection);
  if (blamed && arrivals.is_banned(*blamed)) {
    ++loop_.counts().logins[static_cast<std::size_t>(LoginResult::banned)];
    return judge(connection, std::nullopt,
                 {mqtt::Reason::banned, nullptr, "its address is banned"});
  }
  const std::int64_t asked = Clock::monotonic_microseconds();
  broker::LoginDone done = [this, connection, blamed, asked](broker::Verdict verdict) {
    loop_.post([this, connection, blamed, asked, verdict = std::move(verdict)](Loop&) {
      count(verdict.reason, asked);
      judge(connection, blamed, verdict);
    });
  };
  const auto verdict = loop_.commons().login(std::move(request), std::move(done));
  if (!verdict) return;
  count(verdict->reason, asked);
  judge(connection, blamed, *verdict);
}

void LoginChecks::count(mqtt::Reason reason, std::int64_t asked_microseconds) {
  LoopCounts& counts = loop_.counts();
  ++counts.logins[static_cast<std::size_t>(login_result_of(reason))];
  const std::int64_t passed = Clock::monotonic_microseconds() - asked_microseconds;
  counts.login.add(static_cast<std::uint64_t>(passed));
}

void LoginChecks::judge(broker::ConnectionId connection, const std::optional<AddressKey>& blamed,
                        const broker::Verdict& verdict) {
  const bool counts = loop_.shard().decided(connection, verdict, loop_.now());
  if (!counts) return;
  if (blamed && broker::is_wrong_login(verdict.reason)) {
    loop_.connections().arrivals().count_failed_login(*blamed);
  }
  loop_.connections().reader().resume(connection);
}

}  // namespace transport
