#include "broker/logins.h"

#include <cassert>
#include <string>
#include <utility>

#include "broker/core/homes.h"
#include "broker/core/secret.h"
#include "broker/wire/framer.h"

namespace broker {
namespace {

/// Overwrites a password where it stands in the buffer that it is a part of.
void wipe_in(mqtt::ByteBuffer& buffer, mqtt::Bytes password) {
  const std::ptrdiff_t offset = password.data() - buffer.data();
  wipe({buffer.data() + offset, password.size()});
}

}  // namespace

void Logins::ask(Connection& connection, const mqtt::Connect& packet) {
  assert(connection.session == nullptr && connection.listener < options_.listeners.size());
  connection.stage = Connection::Stage::awaiting_verdict;
  connection.login_asked_in = reloads_;
  LoginRequest request;
  request.connection = connection.id;
  request.listener = connection.listener;
  if (packet.user_name) request.user.emplace(*packet.user_name);
  if (packet.password) request.password.emplace(*packet.password);
  // Both have to hold: the listener wants the name that TLS proved, and this is that name.
  request.verified = options_.listeners[connection.listener].user_name_from_tls && request.user &&
                     *request.user == connection.tls_user_name();
  request.client_id = rules_.client_id_of(connection, packet);
  request.address = connection.address;
  outbox_.request(std::move(request));
}

Logins::Decision Logins::decided(Connection& connection, const Verdict& verdict) {
  assert(connection.stage == Connection::Stage::awaiting_verdict);
  // The CONNECT was sound when it came.
  const auto frame =
      mqtt::next_frame(connection.tail.view(), connection.promises.maximum_packet_size_bytes);
  assert(frame && *frame);
  auto packet = mqtt::decode_connect((*frame)->body, (*frame)->flags);
  assert(packet);
  const std::optional<mqtt::Bytes> password = packet->password;
  // Before anything is asked again: a name in CONNECT must not pass for one that TLS proved.
  rules_.identify(connection, *packet);
  Decision decision;
  decision.packet = *packet;
  decision.packet_bytes = (*frame)->size_bytes;
  const auto unfit = check_again(connection, *packet);
  const bool outdated = connection.login_asked_in != reloads_;
  if (outdated && !unfit) {
    ask(connection, *packet);
    decision.outcome = Outcome::asked_again;
    return decision;
  }
  if (password) wipe_in(connection.tail, *password);
  connection.stage = Connection::Stage::expecting_connect;
  if (verdict.reason != mqtt::Reason::success && !outdated) {
    const bool wrong = verdict.reason == mqtt::Reason::not_authorized;
    decision.outcome = Outcome::denied;
    decision.failure = {verdict.reason, wrong ? "not authorised" : verdict.why};
  } else if (unfit) {
    decision.outcome = Outcome::unfit;
    decision.failure = *unfit;
  }
  return decision;
}

// The rules may have changed since the CONNECT came, and with them the owner of the client id.
std::optional<mqtt::Failure> Logins::check_again(const Connection& connection,
                                                 const mqtt::Connect& packet) const {
  if (const auto failure = rules_.check(connection, packet)) return failure;
  const std::string_view client_id = rules_.client_id_of(connection, packet);
  const ShardIndex home = Homes(options_.home_key, options_.shards).of(client_id);
  if (!client_id.empty() && home == options_.index) return std::nullopt;
  return mqtt::Failure{mqtt::Reason::server_busy, "its listener was changed meanwhile"};
}

}  // namespace broker
