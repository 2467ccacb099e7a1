// transport/login_checks.h
#pragma once

#include <cstdint>
#include <optional>

#include "broker/core/access.h"
#include "broker/core/ids.h"
#include "broker/core/login_done.h"
#include "transport/address_table.h"

namespace transport {

class Loop;

/// Logins of one loop, between its shard or a handler of HTTP, which ask, and the LoginFunction,
/// which answers.
///
/// Invariant  A wrong login counts against its address, also if its client did not wait for the
///            answer. A banned address has its answer without a check.
/// Lifetime   A part of the loop. An answer that comes when the loop has ended is dropped.
/// Threads    Its loop's only.
class LoginChecks {
 public:
  explicit LoginChecks(Loop& loop) noexcept : loop_(loop) {}
  LoginChecks(const LoginChecks&) = delete;
  LoginChecks& operator=(const LoginChecks&) = delete;

  /// Checks each login that the shard asks for. The answer may come now, or in a later turn.
  void ask();
  /// The same for the request of a connection that is no client of the shard: `done` has the
  /// answer, now or in a later turn, also if the connection is gone by then.
  void check_http(broker::LoginRequest request, broker::LoginDone done);

 private:
  void check(broker::LoginRequest request, const std::optional<AddressKey>& blamed,
             broker::LoginDone done);
  void count(mqtt::Reason reason, std::int64_t asked_microseconds);
  void judge(broker::ConnectionId connection, const std::optional<AddressKey>& blamed,
             const broker::Verdict& verdict);
  void blame(const std::optional<AddressKey>& blamed, const broker::Verdict& verdict);

  Loop& loop_;
};

}  // namespace transport
