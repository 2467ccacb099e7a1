#include "broker/inspection.h"

#include <numeric>

#include "broker/core/blocked_log.h"
#include "broker/core/connection.h"
#include "broker/core/incoming_ids.h"
#include "broker/core/membership_list.h"
#include "broker/core/outgoing.h"

namespace broker {
namespace {

// Of one slice of a walk: less than a millisecond.
constexpr std::size_t places_per_slice = 1024;

std::int64_t seconds_between(Instant earlier, Instant later) {
  return (later.milliseconds - earlier.milliseconds) / 1000;
}

void show_connection(const Connection& connection, Instant now, ClientView& view) {
  view.connected = true;
  view.address = connection.address;
  view.port = connection.client_port;
  view.keep_alive_seconds = connection.keep_alive_seconds;
  view.connected_seconds = now.milliseconds / 1000 - connection.connected_at_seconds;
  view.silent_seconds = seconds_between(connection.last_received, now);
  view.socket_bytes = connection.queued_bytes;
  view.rates = connection.message_rate.rates(now);
}

void show_outgoing(const Outgoing& outgoing, ClientView& view) {
  view.in_flight = outgoing.window().size();
  view.queued = outgoing.backlog_size() + outgoing.unsent_size();
  view.queued_bytes = outgoing.backlog_bytes() + outgoing.unsent_bytes();
  if (const DropCounts* const drops = outgoing.drops_if_any()) {
    view.dropped = std::accumulate(drops->ever.begin(), drops->ever.end(), std::uint64_t{0});
  }
}

}  // namespace

ClientView Inspection::view_of(const Session& session, Instant now) {
  ClientView view;
  view.client_id = session.client_id.view();
  view.user_name = session.user_name.view();
  view.listener = session.listener;
  view.version = session.version;
  view.from_bridge = session.from_bridge;
  view.expiry_interval_seconds = session.expiry_interval_seconds;
  view.subscriptions = session.subscriptions.view().size();
  if (session.memberships) view.subscriptions += session.memberships->live();
  if (session.incoming) view.incoming = session.incoming->size();
  if (session.outgoing) show_outgoing(*session.outgoing, view);
  if (session.connection != nullptr) show_connection(*session.connection, now, view);
  if (session.away && session.away->expiry.armed()) {
    view.expires_seconds = seconds_between(now, session.away->expiry.deadline());
  }
  return view;
}

bool Inspection::clients(std::size_t& next, Instant now, const VisitClient& visit) const {
  const std::size_t places = sessions_.places();
  for (std::size_t looks = 0; next < places && looks < places_per_slice; ++looks) {
    const Session* const session = sessions_.at_place(next++);
    if (session == nullptr || session->end != Session::End::none) continue;
    if (!visit(view_of(*session, now))) return false;
  }
  return next < places;
}

bool Inspection::client(std::string_view client_id, Instant now, const VisitClient& visit,
                        const VisitSubscription& visit_subscription) const {
  const Session* const session = sessions_.find(client_id);
  if (session == nullptr) return false;
  ClientView view = view_of(*session, now);
  view.blocking_packet = blocking_packet_text(*session);
  if (!visit(view)) return true;
  subscriptions_.for_each(*session, [&](const std::string& filter, const Subscriber& terms) {
    visit_subscription({"", filter, terms.qos, terms.no_local, terms.retain_as_published,
                        terms.subscription_identifier});
  });
  const MembershipList::Number last = session->memberships ? session->memberships->last() : 0;
  for (MembershipList::Number number = 1; number <= last; ++number) {
    const Membership& one = session->memberships->at(number);
    if (!one.live) continue;
    visit_subscription({one.share_name, one.filter, one.qos, false, one.retain_as_published,
                        one.subscription_identifier});
  }
  return true;
}

}  // namespace broker
