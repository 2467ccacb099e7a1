// broker/inspection.h
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "broker/client_view.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/subscriptions.h"

namespace broker {

/// Shows an administrator the clients of a shard. Changes nothing.
///
/// Shape      clients() ... clients(): one walk over the sessions, in slices.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Inspection final {
 public:
  using VisitClient = std::function<bool(const ClientView&)>;
  using VisitSubscription = std::function<void(const SubscriptionView&)>;

  Inspection(SessionTable& sessions, const Subscriptions& subscriptions)
      : sessions_(sessions), subscriptions_(subscriptions) {}

  /// See ShardAdmin::show_clients().
  [[nodiscard]] bool clients(std::size_t& next, Instant now, const VisitClient& visit) const;
  /// See ShardAdmin::show_client().
  [[nodiscard]] bool client(std::string_view client_id, Instant now, const VisitClient& visit,
                            const VisitSubscription& visit_subscription) const;

 private:
  [[nodiscard]] static ClientView view_of(const Session& session, Instant now);

  SessionTable& sessions_;
  const Subscriptions& subscriptions_;
};

}  // namespace broker
