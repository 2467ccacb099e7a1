#include "transport/login_checks.h"

#include <utility>

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
    return judge(connection, std::nullopt,
                 {mqtt::Reason::banned, nullptr, "its address is banned"});
  }
  broker::LoginDone done = [this, connection, blamed](broker::Verdict verdict) {
    loop_.post([this, connection, blamed, verdict = std::move(verdict)](Loop&) {
      judge(connection, blamed, verdict);
    });
  };
  const auto verdict = loop_.commons().login(std::move(request), std::move(done));
  if (verdict) judge(connection, blamed, *verdict);
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
