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
#include "broker/session_life.h"
#include "broker/shard.h"
#include "broker/wire/reason.h"

namespace broker {

/// Disconnects clients by the wish of the administrator: single ones, and those that a reload shuts
/// out. The others get their new permissions.
///
/// Shape      sweep() ... sweep(): one walk over the sessions, in slices of a millisecond or so.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Dismissals final {
 public:
  Dismissals(const ShardOptions& options, SessionTable& sessions, Router& router,
             const Outbox& outbox, Disconnects& disconnects, SessionLife& life, ClientLog& log)
      : options_(options),
        sessions_(sessions),
        router_(router),
        outbox_(outbox),
        disconnects_(disconnects),
        life_(life),
        log_(log) {}

  /// See Shard::sweep().
  [[nodiscard]] bool sweep(const std::vector<LoginChange>& changes, LoginSweep& sweep);
  /// See Shard::disconnect_client().
  bool disconnect(std::string_view client_id);
  /// See Shard::forget_session().
  bool forget(std::string_view client_id);

 private:
  /// Why the client of a session has to go; nothing if it may stay.
  struct Dismissal {
    Event event;
    mqtt::Reason reason;
    std::string_view why;
  };

  /// Applies `change` to one session; returns the cost, in looks at a session.
  std::size_t apply(const LoginChange& change, Session& session, LoginSweep& sweep);
  [[nodiscard]] static std::optional<Dismissal> dismissal_of(const LoginChange& change,
                                                             const Session& session);
  void refresh_permissions(Session& session);
  void dismiss(Connection& connection, const Dismissal& dismissal);

  const ShardOptions& options_;
  SessionTable& sessions_;
  Router& router_;
  const Outbox& outbox_;
  Disconnects& disconnects_;
  SessionLife& life_;
  ClientLog& log_;
};

}  // namespace broker
