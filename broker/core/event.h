// broker/core/event.h
#pragma once

#include <cstdint>

namespace broker {

/// The event that a log line tells of; `log_format json` prints its name. broker/core/events.h has
/// the names, and the texts of `darter explain`.
///
/// Invariant  Names are stable: an event may be added, none gets another name.
enum class Event : std::uint8_t {
  message,  ///< none of the others
  // Clients that come and go.
  connection_opened,
  client_connected,
  client_disconnected,
  connection_lost,
  session_expired,
  session_forgotten,
  // Clients that are refused or disconnected.
  connection_refused,
  connect_refused,
  handshake_timeout,
  tls_handshake_failed,
  proxy_header_refused,
  untrusted_proxy,
  websocket_refused,
  http_request_refused,
  http_answer_timeout,
  login_failed,
  login_unanswered,
  address_banned,
  banned_address_refused,
  ban_lifted,
  takeover,
  keep_alive_timeout,
  protocol_error,
  packet_too_large,
  publish_rate_exceeded,
  slow_client_disconnected,
  login_withdrawn,
  disconnected_by_administrator,
  memory_limit_refused,
  // Requests that are denied, and messages that are dropped.
  publish_denied,
  will_denied,
  subscribe_denied,
  delivery_denied,
  subscription_limit,
  publish_too_large,
  publish_delayed,
  message_dropped,
  client_blocked,
  // Proxies.
  forwarded_header_invalid,
  forwarded_header_untrusted,
  proxy_cuts_connections,
  websocket_request_defect,
  // The broker itself.
  broker_starting,
  broker_running,
  broker_stopping,
  start_failed,
  configuration_warning,
  listener_opened,
  listener_failed,
  reload_done,
  reload_refused,
  certificate_warning,
  certificates_renewed,
  certificates_refused,
  file_descriptors_exhausted,
  memory_limit_near,
  memory_limit_over,
  event_loop_silent,
  administrator_action,
  lines_held_back,
  log_lines_dropped,
  log_file_unwritable,
  // State on disk.
  store_loading,
  store_unwritable,
  store_writable,
  store_damaged,
  store_set_aside,
  store_renewal,
  store_import,
  clock_changed,
  // Bridges.
  bridge_connecting,
  bridge_connected,
  bridge_lost,
  bridge_refused,
  // The cluster.
  cluster_connected,
  cluster_disconnected,
  cluster_link_failed,
  cluster_bucket_failed,
  cluster_node_joined,
  cluster_node_left,
  cluster_name_taken,
  cluster_record_refused,
  cluster_filters_shortened,
  cluster_message_dropped,
  count,
};

}  // namespace broker
