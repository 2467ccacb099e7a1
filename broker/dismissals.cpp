#include "broker/dismissals.h"

#include <algorithm>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/log_fields.h"
#include "broker/core/text.h"

namespace broker {
namespace {

// Of one slice of a sweep, in looks at a session: about a millisecond.
constexpr std::size_t looks_per_slice = 512;
constexpr std::size_t looks_per_refresh = 4;
constexpr std::size_t looks_per_dismissal = 16;

bool among(const std::vector<std::string>& users, const HeapText& user) {
  return std::ranges::binary_search(users, user.view(), std::ranges::less{},
                                    [](const std::string& each) { return std::string_view(each); });
}

const LoginChange* change_of(const std::vector<LoginChange>& changes, std::uint16_t listener) {
  const auto found = std::ranges::find(changes, listener, &LoginChange::listener);
  return found == changes.end() || found->empty() ? nullptr : &*found;
}

}  // namespace

bool Dismissals::sweep(const std::vector<LoginChange>& changes, LoginSweep& sweep) {
  const std::size_t places = sessions_.places();
  std::size_t looks = 0;
  const auto goes_on = [&] {
    return sweep.next < places && looks < looks_per_slice && !outbox_.full();
  };
  for (; goes_on(); ++sweep.next, ++looks) {
    Session* const session = sessions_.at_place(sweep.next);
    if (session == nullptr) continue;
    const LoginChange* const change = change_of(changes, session->listener);
    if (change != nullptr) looks += apply(*change, *session, sweep);
  }
  return sweep.next < places;
}

std::size_t Dismissals::apply(const LoginChange& change, Session& session, LoginSweep& sweep) {
  std::size_t looks = 0;
  if (change.access_changed) {
    refresh_permissions(session);
    looks += looks_per_refresh;
  }
  if (session.connection == nullptr) return looks;
  const auto dismissal = dismissal_of(change, session);
  if (!dismissal) return looks;
  ++sweep.dropped;
  dismiss(*session.connection, *dismissal);
  return looks + looks_per_dismissal;
}

void Dismissals::dismiss(Connection& connection, const Dismissal& dismissal) {
  if (log_.tells_of_connections()) {
    log_.note(LogType::notice, fields_of(dismissal.event, connection, dismissal.reason),
              {"Client ", describe_client(connection), " disconnected: ", dismissal.why, "."});
  }
  disconnects_.dismiss(connection, dismissal.reason, dismissal.why);
}

bool Dismissals::disconnect(std::string_view client_id) {
  const Session* const session = sessions_.find(client_id);
  if (session == nullptr || session->connection == nullptr) return false;
  dismiss(*session->connection, {Event::disconnected_by_administrator,
                                 mqtt::Reason::administrative_action, "by the administrator"});
  return true;
}

bool Dismissals::forget(std::string_view client_id) {
  if (sessions_.find(client_id) == nullptr) return false;
  disconnect(client_id);
  // A session that ends with its connection is gone by now.
  if (Session* const session = sessions_.find(client_id)) life_.end_soon(*session);
  log_.note(LogType::notice, {.event = Event::session_forgotten, .client_id = client_id},
            {"Session of client ", cut(client_id), " forgotten: by the administrator."});
  return true;
}

std::optional<Dismissals::Dismissal> Dismissals::dismissal_of(const LoginChange& change,
                                                              const Session& session) {
  // A client with a user name from TLS was asked for no password.
  if (!session.connection->tls_user_name().empty()) return std::nullopt;
  if (session.user_name.empty()) {
    if (!change.anonymous_refused) return std::nullopt;
    return Dismissal{Event::login_withdrawn, mqtt::Reason::not_authorized,
                     "a user name is asked for now"};
  }
  if (among(change.users_gone, session.user_name)) {
    return Dismissal{Event::login_withdrawn, mqtt::Reason::not_authorized, "its user was removed"};
  }
  if (among(change.users_changed, session.user_name)) {
    return Dismissal{Event::login_withdrawn, mqtt::Reason::administrative_action,
                     "the password of its user was changed"};
  }
  if (!change.unchecked_refused) return std::nullopt;
  return Dismissal{Event::login_withdrawn, mqtt::Reason::administrative_action,
                   "passwords are checked now"};
}

void Dismissals::refresh_permissions(Session& session) {
  if (options_.authority == nullptr) return;
  auto permissions = options_.authority->permissions_of(session.listener, session.user_name.view());
  if (permissions == session.permissions) return;
  session.permissions = std::move(permissions);
  // Kept routes contain decisions of the permissions.
  if (!session.subscriptions.empty()) router_.forget_routes();
}

}  // namespace broker
