#include "broker/disconnects.h"

#include <string>

#include "broker/core/client_text.h"
#include "broker/core/log_fields.h"
#include "broker/timer_kind.h"
#include "broker/wire/reason_text.h"

namespace broker {
namespace {

CloseHow how_to_close(mqtt::Reason reason) {
  switch (reason) {
    case mqtt::Reason::packet_too_large:
      return CloseHow::too_big;
    case mqtt::Reason::message_rate_too_high:
    case mqtt::Reason::quota_exceeded:
    case mqtt::Reason::session_taken_over:
    case mqtt::Reason::keep_alive_timeout:
    case mqtt::Reason::not_authorized:
    case mqtt::Reason::administrative_action:
      return CloseHow::policy;
    default:
      return CloseHow::protocol_error;
  }
}

/// The event of a line about a client that broke a rule.
Event event_of_failure(mqtt::Reason reason) {
  switch (reason) {
    case mqtt::Reason::packet_too_large:
      return Event::packet_too_large;
    case mqtt::Reason::message_rate_too_high:
    case mqtt::Reason::quota_exceeded:
      return Event::publish_rate_exceeded;
    default:
      return Event::protocol_error;
  }
}

/// Whether a text beside the reason code would tell the client nothing more.
bool is_said_by_code(mqtt::Reason reason) {
  return reason == mqtt::Reason::session_taken_over || reason == mqtt::Reason::keep_alive_timeout;
}

}  // namespace

// Output written so far goes out, nothing more is written, and the connection closes
// [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1].
void Disconnects::end(Connection& connection, WillFate fate, std::optional<CloseHow> close,
                      std::string_view why) {
  if (Session* const session = detach(connection, close, why)) life_.leave_alone(*session, fate);
}

Session* Disconnects::detach(Connection& connection, std::optional<CloseHow> close,
                             std::string_view why) {
  Session* const session = connection.session;
  if (close && log_.tracer().on()) {
    log_.tracer().tell(connection,
                       {"the broker ends the connection", why.empty() ? "" : ": ", why});
  }
  if (close) outbox_.request(CloseRequest{connection.id, *close, std::string(why)});
  if (session != nullptr) {
    // For permissions asked while its client is away, and for the line about a denied will.
    if (session->will || (session->permissions && session->permissions->names_address())) {
      away_part(*session).address = HeapText(connection.address);
    }
    // The connection is gone before anything is published: a will must not be sent to it.
    session->connection = nullptr;
  }
  static_cast<void>(pressure_.unpark(connection));
  if (session != nullptr) count_gone(connection);
  connections_.remove(connection);
  if (session == nullptr) return nullptr;
  sender_.leave(*session);
  return session;
}

void Disconnects::note_closed(const Connection& connection, const LogFields& fields,
                              std::string_view how) {
  if (connection.session == nullptr || !log_.tells_of_connections()) return;
  log_.note(LogType::notice, fields, {"Client ", describe_client(connection), how});
}

void Disconnects::count_gone(const Connection& connection) {
  assert(metrics_.clients_by_version[index_of(connection.version)] > 0);
  --metrics_.clients_connected;
  --metrics_.clients_by_transport[static_cast<std::size_t>(connection.transport)];
  --metrics_.clients_by_version[index_of(connection.version)];
}

void Disconnects::dismiss(Connection& connection, mqtt::Reason reason, std::string_view why) {
  if (connection.stage == Connection::Stage::connected) {
    replies_.send_disconnect(connection, reason, is_said_by_code(reason) ? "" : why);
  }
  end(connection, WillFate::publish, how_to_close(reason), why);
}

void Disconnects::tell_refusal(const Connection& connection, const mqtt::Failure& failure) const {
  if (!log_.tracer().on()) return;
  log_.tracer().tell(connection, {"refused: ", mqtt::text_of(failure.reason), ": ", failure.what,
                                  mqtt::clauses_text(failure, connection.version)});
}

Next Disconnects::fail(Connection& connection, const mqtt::Failure& failure) {
  tell_refusal(connection, failure);
  log_.note(LogType::notice,
            fields_of(event_of_failure(failure.reason), connection, failure.reason),
            {"Client ", describe_client(connection), " disconnected: ", failure.what, "."});
  dismiss(connection, failure.reason, failure.what);
  return Next::stop;
}

Next Disconnects::fail_too_large(Connection& connection, std::size_t size_bytes) {
  tell_refusal(connection, {mqtt::Reason::packet_too_large, "packet too large",
                            mqtt::Answered::always, "[MQTT-3.2.2-15]"});
  log_.note(LogType::notice,
            fields_of(Event::packet_too_large, connection, mqtt::Reason::packet_too_large),
            {"Client ", describe_client_with_user(connection), " disconnected: packet too large: ",
             std::to_string(size_bytes), " bytes, max_packet_size is ",
             std::to_string(connection.promises.maximum_packet_size_bytes), "."});
  dismiss(connection, mqtt::Reason::packet_too_large, "packet too large");
  return Next::stop;
}

// A session that outlives its connection keeps its queue.
void Disconnects::end_overrun() {
  while (sender_.overrun()) {
    for (const ConnectionId id : sender_.take_overrun()) {
      Connection* const connection = connections_.find(id);
      if (connection == nullptr) continue;
      constexpr std::string_view why = "its queue is full";
      log_.note(
          LogType::notice,
          fields_of(Event::slow_client_disconnected, *connection, mqtt::Reason::quota_exceeded),
          {"Client ", describe_client(*connection), " disconnected: ", why, "."});
      dismiss(*connection, mqtt::Reason::quota_exceeded, why);
    }
  }
}

}  // namespace broker
