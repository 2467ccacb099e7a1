#include "broker/core/connect_rules.h"

#include <algorithm>
#include <cassert>

#include "broker/core/client_text.h"
#include "broker/core/text.h"

namespace broker {
namespace {

using mqtt::Failure;
using mqtt::Reason;

constexpr std::string_view keep_alive_refusal = "keep alive exceeds max_keepalive";

bool accepts(const ListenerPolicy& policy, mqtt::Version version) {
  switch (version) {
    case mqtt::Version::v3_1:
      return policy.accept_v3_1;
    case mqtt::Version::v3_1_1:
      return policy.accept_v3_1_1;
    case mqtt::Version::v5_0:
      return policy.accept_v5_0;
  }
  return false;
}

}  // namespace

std::uint32_t ConnectRules::packet_bytes_max() const noexcept {
  const std::uint32_t most = limits_.max_packet_size_bytes;
  const std::uint32_t of_connect = limits_.max_connect_packet_bytes;
  return of_connect == 0 ? most : std::min(of_connect, most);
}

void ConnectRules::identify(const Connection& connection, mqtt::Connect& packet) const {
  if (!policy(connection).user_name_from_tls) return;
  packet.user_name.reset();
  packet.password.reset();
  const std::string_view name = connection.tls_user_name();
  if (!name.empty()) packet.user_name = name;
}

std::string_view ConnectRules::client_id_of(const Connection& connection,
                                            const mqtt::Connect& packet) const {
  if (policy(connection).use_username_as_clientid && packet.user_name) return *packet.user_name;
  return packet.client_id.empty() ? connection.assigned_id() : packet.client_id;
}

bool ConnectRules::wants_client_id(const Connection& connection,
                                   const mqtt::Connect& packet) const {
  return packet.client_id.empty() && !policy(connection).use_username_as_clientid &&
         connection.assigned_id().empty();
}

// No authentication method is served [MQTT-4.12.0-1] [MQTT-4.12.0-4].
std::optional<Failure> ConnectRules::check(const Connection& connection,
                                           const mqtt::Connect& packet) const {
  const ListenerPolicy& rules = policy(connection);
  assert(!rules.user_name_from_tls || !packet.password);  // identify() was here
  if (!accepts(rules, packet.version)) {
    return Failure{Reason::unsupported_protocol_version, "protocol version not accepted here"};
  }
  if (rules.user_name_from_tls && !packet.user_name) {
    const std::string_view why = connection.missing_name();
    return Failure{Reason::bad_user_name_or_password,
                   why.empty() ? "no certificate says who it is" : why};
  }
  if (const auto failure = check_client_id(connection, packet)) return failure;
  if (is_keep_alive_refused(packet)) {
    return Failure{Reason::client_identifier_not_valid, keep_alive_refusal};
  }
  if (packet.authentication_method) {
    return Failure{Reason::bad_authentication_method, "authentication method not supported"};
  }
  return check_will(connection, packet);
}

std::optional<Failure> ConnectRules::check_will(const Connection& connection,
                                                const mqtt::Connect& packet) const {
  if (!packet.will) return std::nullopt;
  const std::uint32_t most = limits_.message_size_limit_bytes;
  if (most != 0 && packet.will->payload.size() > most) {
    const bool v5_0 = packet.version == mqtt::Version::v5_0;
    return Failure{v5_0 ? Reason::packet_too_large : Reason::not_authorized,
                   "will payload exceeds message_size_limit"};
  }
  if (policy(connection).mount_point.size() + packet.will->topic.size() > mqtt::text_bytes_max) {
    return Failure{Reason::topic_name_invalid, "will topic too long behind mount_point",
                   mqtt::Answered::from_v5_0};
  }
  if (packet.will->qos > policy(connection).max_qos) {
    return Failure{Reason::qos_not_supported, "will QoS exceeds max_qos", mqtt::Answered::from_v5_0,
                   "[MQTT-3.2.2-12]"};
  }
  if (packet.will->retain && !limits_.retain_available) {
    return Failure{Reason::retain_not_supported, "will is retained but retain_available is false",
                   mqtt::Answered::from_v5_0, "[MQTT-3.2.2-13]"};
  }
  return std::nullopt;
}

// Refused identifiers get their reason code, then a close [MQTT-3.1.3-8] [MQTT3-3.1.3-7]
// [MQTT3-3.1.3-9].
std::optional<Failure> ConnectRules::check_client_id(const Connection& connection,
                                                     const mqtt::Connect& packet) const {
  const ListenerPolicy& rules = policy(connection);
  if (rules.use_username_as_clientid) {
    if (packet.user_name && !packet.user_name->empty()) return std::nullopt;
    return Failure{Reason::not_authorized, "use_username_as_clientid needs a user name"};
  }
  if (packet.client_id.empty()) {
    // An empty id needs a broker that makes one, and before 5.0 a clean session.
    const bool may_assign = rules.allow_zero_length_clientid &&
                            packet.version != mqtt::Version::v3_1 &&
                            (packet.version == mqtt::Version::v5_0 || packet.clean_start);
    if (may_assign) return std::nullopt;
    // Mosquitto's code of 5.0 for it is 0x80.
    const bool v5_0 = packet.version == mqtt::Version::v5_0;
    return Failure{v5_0 ? Reason::unspecified_error : Reason::client_identifier_not_valid,
                   "zero length client id", mqtt::Answered::always, "[MQTT3-3.1.3-8]"};
  }
  const auto& prefixes = limits_.clientid_prefixes;
  if (prefixes.empty() || rules.is_for_bridges) return std::nullopt;
  const bool known = std::ranges::any_of(
      prefixes, [&](const std::string& prefix) { return packet.client_id.starts_with(prefix); });
  if (known) return std::nullopt;
  return Failure{Reason::not_authorized, "client id has none of clientid_prefixes"};
}

bool ConnectRules::is_keep_alive_refused(const mqtt::Connect& packet) const {
  const std::uint16_t most = limits_.max_keepalive_seconds;
  if (most == 0 || limits_.max_keepalive_cap) return false;
  // A 5.0 client is told the smaller value instead [MQTT-3.2.2-21].
  if (packet.version == mqtt::Version::v5_0) return false;
  return packet.keep_alive_seconds == 0 || packet.keep_alive_seconds > most;
}

std::string ConnectRules::explain(const mqtt::Connect& packet, const Failure& failure) const {
  if (failure.what == keep_alive_refusal) {
    const std::string value = std::to_string(packet.keep_alive_seconds);
    const std::string most = std::to_string(limits_.max_keepalive_seconds);
    return concat({"keep alive ", value, packet.keep_alive_seconds == 0 ? " (none) " : " ",
                   "exceeds max_keepalive ", most,
                   "; with max_keepalive_cap true such a client is let in and held to it"});
  }
  if (failure.reason == Reason::unsupported_protocol_version) {
    return concat({"MQTT ", version_text(packet.version),
                   " is not among accept_protocol_versions of its listener"});
  }
  return std::string(failure.what);
}

std::uint32_t ConnectRules::capped_expiry(std::uint32_t seconds) const {
  const std::int64_t most = limits_.persistent_client_expiration_seconds;
  return most < 0 || seconds <= most ? seconds : static_cast<std::uint32_t>(most);
}

// A bridge's session keeps the messages that are configured to cross, however long the other broker
// is away; persistent_client_expiration is for clients that are forgotten.
std::uint32_t ConnectRules::expiry_interval_of(const Connection& connection,
                                               const mqtt::Connect& packet) const {
  if (policy(connection).is_for_bridges) return packet.session_expiry_interval_seconds;
  if (packet.version == mqtt::Version::v5_0) {
    return capped_expiry(packet.session_expiry_interval_seconds);
  }
  return packet.clean_start ? 0 : capped_expiry(session_never_expires);
}

std::uint16_t ConnectRules::keep_alive_of(const Connection& connection,
                                          const mqtt::Connect& packet) const {
  if (policy(connection).is_for_bridges) return packet.keep_alive_seconds;
  const std::uint16_t most = limits_.max_keepalive_seconds;
  const bool too_long = packet.keep_alive_seconds == 0 || packet.keep_alive_seconds > most;
  return most != 0 && too_long ? most : packet.keep_alive_seconds;
}

// Limits are named where they differ from the protocol's own [MQTT-3.2.2-9] [MQTT-3.2.2-22].
mqtt::Connack ConnectRules::connack_for(const Connection& connection,
                                        const mqtt::Connect& packet) const {
  const ListenerPolicy& rules = policy(connection);
  mqtt::Connack answer;
  if (rules.max_topic_alias > 0) answer.topic_alias_maximum = rules.max_topic_alias;
  // [MQTT-3.1.3-7] [MQTT-3.2.2-16]
  if (packet.client_id.empty()) {
    answer.assigned_client_identifier = client_id_of(connection, packet);
  }
  if (const std::uint16_t kept = keep_alive_of(connection, packet);
      kept != packet.keep_alive_seconds) {
    answer.server_keep_alive_seconds = kept;
  }
  if (!limits_.retain_available) answer.retain_available = false;
  answer.maximum_packet_size_bytes = limits_.max_packet_size_bytes;
  const std::uint16_t receive_maximum = rules.is_for_bridges ? 0 : limits_.receive_maximum;
  if (receive_maximum != 0 && receive_maximum != UINT16_MAX) {
    answer.receive_maximum = receive_maximum;
  }
  if (rules.max_qos != mqtt::Qos::exactly_once) {
    answer.maximum_qos = static_cast<std::uint8_t>(rules.max_qos);
  }
  if (const std::uint32_t expiry = expiry_interval_of(connection, packet);
      expiry != packet.session_expiry_interval_seconds) {
    answer.session_expiry_interval_seconds = expiry;
  }
  return answer;
}

}  // namespace broker
