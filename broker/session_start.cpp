#include "broker/session_start.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <memory>
#include <string>

#include "broker/core/client_text.h"
#include "broker/core/text.h"
#include "broker/wire/properties.h"

namespace broker {

SessionStart::SessionStart(const ShardOptions& options, const ConnectRules& rules,
                           SharedCounts& counts, SessionTable& sessions, Router& router,
                           Ledger& ledger, Metrics& metrics, SessionLife& life,
                           Disconnects& disconnects, TimeLimits& time_limits, ClientLog& log,
                           const Turn& turn)
    : options_(options),
      rules_(rules),
      counts_(counts),
      sessions_(sessions),
      router_(router),
      ledger_(ledger),
      metrics_(metrics),
      life_(life),
      disconnects_(disconnects),
      time_limits_(time_limits),
      log_(log),
      turn_(turn) {}

// [MQTT-3.1.2-6] [MQTT-3.1.3-2] [MQTT-3.1.4-4] [MQTT3-3.1.2-4] [MQTT3-3.1.2-6].
Session* SessionStart::find_or_make(const Connection& connection, const mqtt::Connect& packet,
                                    bool& present) {
  const std::string client_id(rules_.client_id_of(connection, packet));
  Session* session = sessions_.find(client_id);
  if (session != nullptr && session->connection != nullptr) {
    take_over(*session, connection);
    session = sessions_.find(client_id);  // it may have ended with its connection
  }
  if (session != nullptr && session->end == Session::End::due) {
    life_.end(*session);
    session = nullptr;
  }
  if (session != nullptr && session->away && session->away->expiry.armed() &&
      session->away->expiry.deadline() <= turn_.now()) {
    life_.note_expired(*session);  // its time is over, and only the tick has not come yet
    life_.end(*session);
    session = nullptr;
  }
  if (session != nullptr && packet.clean_start) {
    life_.end(*session);  // [MQTT-3.1.2-4]
    session = nullptr;
  }
  present = session != nullptr;  // [MQTT-3.1.2-5] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
  log_.tracer().tell(connection, {present ? "its session goes on" : "it begins a new session"});
  if (present) return session;
  if (!count_session(connection.listener)) return nullptr;
  return &sessions_.create(client_id);
}

// The older connection has to go [MQTT-3.1.4-3].
void SessionStart::take_over(Session& session, const Connection& by) {
  Connection& old = *session.connection;
  if (log_.tracer().on()) {
    log_.tracer().tell(old, {"taken over by a connection from ", client_address_text(by)});
    log_.tracer().tell(by, {"takes over the connection from ", client_address_text(old)});
  }
  log_.note(LogType::notice, fields_of(Event::takeover, old, mqtt::Reason::session_taken_over),
            {"Client ", cut(session.client_id), " already connected, closing old connection from ",
             client_address_text(old), "; the new one is from ", client_address_text(by), "."});
  disconnects_.dismiss(old, mqtt::Reason::session_taken_over,
                       "another client connected with this client identifier");
}

// A will that waits for its delay is stopped by the client's return [MQTT-3.1.3-9].
void SessionStart::attach(Connection& connection, Session& session, const mqtt::Connect& packet,
                          const Verdict& verdict) {
  assert(session.connection == nullptr);
  // Kept routes contain decisions of the permissions.
  const bool moved = verdict.permissions && verdict.permissions->names_address() &&
                     identity_of(session).address != connection.address;
  const bool routes_change =
      moved || session.permissions != verdict.permissions || session.version != packet.version;
  if (!session.subscriptions.empty() && routes_change) router_.forget_routes();
  if (session.away && session.away->will_delay.armed() &&
      session.away->will_delay.deadline() <= turn_.now()) {
    life_.publish_will(session);  // it came due, and only the tick has not come yet
  }
  session.away.reset();
  session.connection = &connection;
  session.version = packet.version;
  session.from_bridge = packet.from_bridge;
  session.listener = connection.listener;
  session.mount_point = HeapText(options_.listeners[connection.listener].mount_point);
  session.permissions = verdict.permissions;
  session.publisher.reset();
  session.user_name = HeapText(packet.user_name.value_or(""));
  session.expiry_interval_seconds = rules_.expiry_interval_of(connection, packet);

  connection.stage = Connection::Stage::connected;
  connection.session = &session;
  promise(connection, packet);
  ++metrics_.connections;
  count_connected(connection);
  store_will(session, packet);
  if (session.persistent()) {
    ledger_.changed(session, Ledger::session_row);
  } else {
    ledger_.ended(session);  // it was kept until now, and ends with this connection
  }
}

void SessionStart::promise(Connection& connection, const mqtt::Connect& packet) const {
  const ListenerPolicy& policy = options_.listeners[connection.listener];
  connection.version = packet.version;
  connection.receive_maximum = packet.receive_maximum;
  connection.maximum_packet_size_bytes = packet.maximum_packet_size_bytes;
  connection.topic_alias_maximum_out =
      std::min(packet.topic_alias_maximum, policy.max_topic_alias_broker);
  connection.keep_alive_seconds = rules_.keep_alive_of(connection, packet);
  connection.promises.maximum_packet_size_bytes = options_.limits.max_packet_size_bytes;
  // A bridge's session takes all that the other broker has in flight: with a smaller number a
  // PUBLISH would wait for a PUBREL that comes behind it.
  connection.promises.receive_maximum = policy.is_for_bridges ? 0 : options_.limits.receive_maximum;
  connection.promises.topic_alias_maximum = policy.max_topic_alias;
  connection.promises.maximum_qos = policy.max_qos;
  connection.promises.retain_available = options_.limits.retain_available;
}

bool SessionStart::count_session(std::uint16_t listener) {
  const bool is_bridge = options_.listeners[listener].is_for_bridges;
  const std::int64_t most = is_bridge ? -1 : options_.limits.global_max_clients;
  std::atomic<std::int64_t>& count = counts_.sessions;
  if (count.fetch_add(1, std::memory_order_relaxed) < most || most < 0) return true;
  count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void SessionStart::count_connected(Connection& connection) {
  time_limits_.begin_keep_alive(connection);
  connection.connected_at_seconds = static_cast<std::uint32_t>(turn_.now().milliseconds / 1000);
  ++metrics_.clients_connected;
  ++metrics_.clients_by_transport[static_cast<std::size_t>(connection.transport)];
  ++metrics_.clients_by_version[index_of(connection.version)];
  metrics_.clients_maximum = std::max(metrics_.clients_maximum, metrics_.clients_connected);
}

// Without Will Flag nothing is stored, so nothing is published [MQTT-3.1.2-7] [MQTT3-3.1.2-12].
void SessionStart::store_will(Session& session, const mqtt::Connect& packet) {
  session.will.reset();
  if (!packet.will) return;
  const mqtt::Will& will = *packet.will;
  mqtt::ByteBuffer properties;
  mqtt::forwarded_properties(will.properties, properties);
  const std::string topic = concat({session.mount_point, will.topic});
  session.will = std::make_unique<StoredWill>();
  session.will->message = MessageRef::copy_of(
      {topic, will.payload, properties.view(), will.qos, will.retain, std::nullopt});
  session.will->delay_interval_seconds = will.delay_interval_seconds;
  session.will->has_expiry = will.message_expiry_interval_seconds.has_value();
  session.will->message_expiry_interval_seconds = will.message_expiry_interval_seconds.value_or(0);
}

}  // namespace broker
