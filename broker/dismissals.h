// broker/dismissals.h
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/client_log.h"
#include "broker/core/login_change.h"
#include "broker/core/outbox.h"
#include "broker/core/router.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/disconnects.h"
#include "broker/shard.h"
#include "broker/wire/reason.h"

namespace broker {

/// Applies the changes that a reload made to users: clients that have to go are disconnected, and
/// the others get their new permissions.
///
/// Shape      sweep() ... sweep(): one walk over the sessions, in slices of a millisecond or so.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Dismissals {
 public:
  Dismissals(const ShardOptions& options, SessionTable& sessions, Router& router,
             const Outbox& outbox, Disconnects& disconnects, ClientLog& log)
      : options_(options),
        sessions_(sessions),
        router_(router),
        outbox_(outbox),
        disconnects_(disconnects),
        log_(log) {}

  /// See Shard::sweep().
  [[nodiscard]] bool sweep(const std::vector<LoginChange>& changes, LoginSweep& sweep);

 private:
  /// Why the client of a session has to go; nothing if it may stay.
  struct Dismissal {
    mqtt::Reason reason;
    std::string_view why;
  };

  /// Applies `change` to one session; returns the cost, in looks at a session.
  std::size_t apply(const LoginChange& change, Session& session, LoginSweep& sweep);
  [[nodiscard]] static std::optional<Dismissal> dismissal_of(const LoginChange& change,
                                                             const Session& session);
  void refresh_permissions(Session& session);

  const ShardOptions& options_;
  SessionTable& sessions_;
  Router& router_;
  const Outbox& outbox_;
  Disconnects& disconnects_;
  ClientLog& log_;
};

}  // namespace broker
