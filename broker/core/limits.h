// broker/core/limits.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/wire/protocol.h"
#include "broker/wire/utf8.h"

namespace broker {

/// Broker-wide limits and habits; the names are Mosquitto's options. 0 means no limit where the
/// option says so.
struct Limits {
  std::uint32_t max_packet_size_bytes = 2'000'000;
  std::uint32_t message_size_limit_bytes = 0;
  /// Largest packet before a client is let in; more than max_packet_size_bytes is never taken. 0:
  /// no limit of its own.
  std::uint32_t max_connect_packet_bytes = 100'000;
  /// Subscriptions of one client, shared ones too. 0: no limit.
  std::uint32_t max_subscriptions = 1'000'000;
  std::uint16_t max_inflight_messages = 20;
  /// QoS 1 and 2 that a client of 5.0 may have on their way to the broker. 0: no limit.
  std::uint16_t receive_maximum = 65'535;
  std::uint64_t max_inflight_bytes = 0;
  std::uint64_t max_queued_messages = 1000;
  std::uint64_t max_queued_bytes = 0;
  std::uint64_t max_queued_qos0_bytes = 16'777'216;  // of QoS 0 behind a slow socket
  /// Bytes of publishes without an acknowledgement because the disk is behind, and of rows that are
  /// to be written there: above the limit a shard takes no more to be stored.
  std::uint64_t max_uncommitted_bytes = 16'777'216;
  std::uint16_t max_keepalive_seconds = 0;
  bool max_keepalive_cap = false;  // 3.x clients above max_keepalive: held to it, not refused
  std::int64_t global_max_clients = -1;
  std::int64_t persistent_client_expiration_seconds = -1;  // -1: never
  std::uint16_t sys_interval_seconds = 10;
  bool queue_qos0_messages = false;
  bool retain_available = true;
  bool check_retain_source = true;
  bool upgrade_outgoing_qos = false;
  bool allow_duplicate_messages = true;
  bool connection_messages = true;
  bool acl_refuse_subscribe = true;  // a filter of which nothing may be read; false: it is granted
  /// Success for PUBREL and PUBREC of unknown identifiers, and for a PUBLISH below $CONTROL/ that
  /// reaches nobody; false: the reason code that fits.
  bool mosquitto_answers = false;
  mqtt::TextRule text_rule = mqtt::TextRule::any;  // of client ids, user names, topics, messages
  std::uint32_t connect_timeout_seconds = 30;      // from opening to a whole CONNECT
  std::vector<std::string> clientid_prefixes;      // empty: any

  /// The reason that PUBREL and PUBREC with an unknown packet identifier are answered.
  [[nodiscard]] mqtt::Reason unknown_identifier() const noexcept {
    return mosquitto_answers ? mqtt::Reason::success : mqtt::Reason::packet_identifier_not_found;
  }
  bool operator==(const Limits&) const = default;
};

/// The message to drop if a client's queue is full. Messages in flight are never dropped.
enum class SlowConsumer : std::uint8_t {
  drop_newest,       ///< the message that comes
  drop_oldest,       ///< the message that has waited longest
  latest_per_topic,  ///< always: an older message of the same topic; then the oldest
  disconnect,        ///< the client; a session that outlives it then drops the newest
};

/// The treatment of a client that publishes faster than it may.
enum class PublishRatePolicy : std::uint8_t {
  delay,       ///< it is not read for a while, and TCP pushes back
  disconnect,  ///< it is told why, as of 5.0
};

/// How fast one client may publish. 0: no limit. A second's worth may come at once.
struct PublishRate {
  std::uint32_t messages_per_second = 0;  // max_publish_rate
  std::uint32_t bytes_per_second = 0;     // max_publish_bytes_rate: whole PUBLISH packets
  PublishRatePolicy policy = PublishRatePolicy::delay;

  [[nodiscard]] bool is_on() const noexcept {
    return (messages_per_second | bytes_per_second) != 0;
  }
  bool operator==(const PublishRate&) const = default;
};

/// The rules for the clients of one listener.
struct ListenerPolicy {
  std::uint16_t port = 0;  // for log lines
  std::string mount_point;
  SlowConsumer slow_consumer = SlowConsumer::drop_newest;
  mqtt::Qos max_qos = mqtt::Qos::exactly_once;
  PublishRate publish_rate;
  std::uint16_t max_topic_alias = 10;
  std::uint16_t max_topic_alias_broker = 10;
  bool accept_v3_1 = true;
  bool accept_v3_1_1 = true;
  bool accept_v5_0 = true;
  bool allow_zero_length_clientid = true;
  bool use_username_as_clientid = false;
  /// Origin::user_name is the user name of a client; without one it is refused.
  bool user_name_from_tls = false;
  std::string auto_id_prefix = "auto-";
  /// True if nothing has to be asked: anonymous is allowed and there is no password or ACL file.
  bool open_to_all = false;
  /// Of this broker's own bridges: no limit on clients ends their sessions or keeps them out.
  bool is_for_bridges = false;

  bool operator==(const ListenerPolicy&) const = default;
};

}  // namespace broker
