// broker/client_view.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/drops.h"
#include "broker/core/ids.h"
#include "broker/core/message_rate.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A client and its session as an administrator sees them.
///
/// Lifetime   The texts hold until the shard is called again.
struct ClientView {
  std::string_view client_id;
  std::string_view user_name;  // empty: none
  std::string_view address;    // empty: not connected
  std::uint16_t port = 0;      // 0: a unix socket, or not connected
  std::uint16_t listener = 0;  // index into ShardOptions::listeners
  mqtt::Version version = mqtt::Version::v5_0;
  bool connected = false;
  bool from_bridge = false;
  std::uint16_t keep_alive_seconds = 0;
  std::int64_t connected_seconds = 0;           // since CONNACK; 0: not connected
  std::int64_t silent_seconds = 0;              // since its last packet; 0: not connected
  std::uint32_t expiry_interval_seconds = 0;    // session_never_expires: never
  std::optional<std::int64_t> expires_seconds;  // from now on; nothing while no timer runs
  std::size_t subscriptions = 0;                // shared ones counted
  std::size_t in_flight = 0;                    // messages with a packet identifier
  std::size_t queued = 0;                       // messages behind those, QoS 0 counted
  std::size_t queued_bytes = 0;
  std::size_t socket_bytes = 0;  // that the socket has not taken
  std::size_t incoming = 0;      // QoS 2 publishes without PUBREL
  std::uint64_t dropped = 0;     // messages that it lost
  MessageRate::Rates rates;      // 0: not connected
  /// blocking_packet_text(); empty also where many clients are shown: it takes a look at the
  /// window.
  std::string blocking_packet;
};

/// One subscription of a client.
struct SubscriptionView {
  std::string_view share_name;  // empty: not shared
  std::string_view filter;      // mount point in front
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  std::uint32_t subscription_identifier = 0;  // 0: none
};

}  // namespace broker
