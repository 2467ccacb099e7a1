#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace conf {

/// The ways of a message over a bridge.
enum class BridgeDirection : std::uint8_t { out, in, both };

/// Topics that cross a bridge, and the change of their names on the way.
///
/// Shape      `topic PATTERN DIRECTION QOS LOCAL REMOTE`: LOCAL + PATTERN is the filter at this
///            broker, REMOTE + PATTERN the one at the other; a prefix is cut off and the other put
///            in its place. "" stands for no prefix, or for no pattern: then the two prefixes are
///            whole topics.
/// Invariant  Both filters are well-formed, prefixes have no wildcards, and an empty pattern has
/// two
///            prefixes.
struct BridgeTopic {
  std::string pattern;  ///< a topic filter; empty: the prefixes are the topics
  BridgeDirection direction = BridgeDirection::out;
  std::uint8_t qos = 0;  ///< 0 to 2
  std::string local_prefix;
  std::string remote_prefix;

  bool operator==(const BridgeTopic&) const = default;
};

/// How a remote broker is spoken to.
enum class BridgeScheme : std::uint8_t {
  unnamed,  ///< as bridge_protocol and the options of TLS say
  mqtt,
  mqtts,
  ws,
  wss,
  unix_socket,
};

/// Where a remote broker listens.
struct BridgeAddress {
  std::string host;  ///< a name, or an address without brackets
  std::uint16_t port = 1883;
  BridgeScheme scheme = BridgeScheme::unnamed;
  std::string path{};  ///< of a URL: of the WebSocket, or of the unix socket; empty: none

  bool operator==(const BridgeAddress&) const = default;
};

/// restart_timeout: a constant, or a backoff with jitter between two ends.
struct BridgeRestart {
  std::uint32_t base_seconds = 5;
  std::uint32_t cap_seconds = 30;  ///< 0: each wait is base_seconds long

  bool operator==(const BridgeRestart&) const = default;
};

/// bridge_tcp_keepalive; all 0: the system's choice.
struct BridgeTcpKeepalive {
  std::uint32_t idle_seconds = 0;
  std::uint32_t interval_seconds = 0;
  std::uint32_t probes = 0;

  bool operator==(const BridgeTcpKeepalive&) const = default;
};

/// The TLS of a bridge. Empty: no such file, or OpenSSL's default.
struct BridgeTls {
  std::string cafile;
  std::string capath;
  std::string certfile;
  std::string keyfile;
  std::string identity;  ///< of PSK
  std::string psk;       ///< in hex
  std::string alpn;
  std::string ciphers;
  std::string ciphers_tls1_3;
  bool use_os_certs = false;
  bool insecure = false;
  bool require_ocsp = false;
  bool tls1_3_only = false;  ///< bridge_tls_version tlsv1.3

  [[nodiscard]] bool is_on() const {
    return !cafile.empty() || !capath.empty() || !psk.empty() || use_os_certs;
  }
  bool operator==(const BridgeTls&) const = default;
};

/// The shortest keepalive_interval, in seconds: shorter ones are taken for it.
inline constexpr std::uint16_t bridge_keepalive_min = 5;

enum class BridgeStart : std::uint8_t { automatic, lazy, once };

enum class BridgeProtocol : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5_0 = 5 };

/// One bridge: a connection of this broker to another one, and the topics that cross it.
///
/// Invariant  Complete, but for names that only the machine knows: an empty remote_clientid stands
/// for
///            HOST.NAME, an empty local_clientid for local.REMOTE_CLIENTID.
struct BridgeSettings {
  std::string name;
  std::vector<BridgeAddress> addresses;  ///< not empty
  std::vector<BridgeTopic> topics;       ///< not empty
  std::uint16_t connections = 1;         ///< among which the topics are shared out

  std::string remote_clientid;
  std::string remote_username;
  std::string remote_password;
  std::string local_clientid;
  std::string local_username;
  std::string local_password;
  bool cleansession = false;
  bool local_cleansession = false;  ///< as cleansession, where it is not given

  BridgeStart start_type = BridgeStart::automatic;
  std::uint32_t idle_timeout_seconds = 60;
  std::uint32_t threshold = 10;
  BridgeRestart restart;
  bool round_robin = false;
  std::uint16_t keepalive_interval_seconds = 60;

  bool notifications = true;
  bool notifications_local_only = false;
  std::string notification_topic;  ///< empty: $SYS/broker/connection/REMOTE_CLIENTID/state
  bool try_private = true;
  bool attempt_unsubscribe = true;
  bool outgoing_retain = true;
  BridgeProtocol protocol = BridgeProtocol::v3_1_1;
  bool websockets = false;                  ///< bridge_protocol websockets
  std::string path = "/mqtt";               ///< of the WebSocket, where the address has none
  std::uint32_t max_packet_size_bytes = 0;  ///< 0: no limit
  std::uint16_t max_topic_alias = 10;
  std::uint16_t receive_maximum = 0;  ///< 0: the broker's own
  std::uint32_t session_expiry_interval_seconds = 0;
  bool reload_immediately = false;  ///< bridge_reload_type immediate

  std::string bind_address;
  BridgeTcpKeepalive tcp_keepalive;
  std::uint32_t tcp_user_timeout_milliseconds = 0;  ///< 0: the system's choice
  BridgeTls tls;

  bool operator==(const BridgeSettings&) const = default;
};

}  // namespace conf
