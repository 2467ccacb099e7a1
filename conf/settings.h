#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/core/log.h"
#include "conf/bridge_settings.h"
#include "conf/cluster_settings.h"
#include "conf/diagnostic.h"

namespace conf {

/// Rules of admission at one listener. Already resolved: nothing is inherited any more.
struct Security {
  bool allow_anonymous = false;            ///< allow_anonymous, listener_allow_anonymous
  bool allow_zero_length_clientid = true;  ///< allow_zero_length_clientid
  std::string password_file;               ///< password_file; empty: none
  std::string acl_file;                    ///< acl_file; empty: everything is allowed
  std::string psk_file;                    ///< psk_file; empty: none
  std::string auto_id_prefix = "auto-";    ///< auto_id_prefix, listener_auto_id_prefix; <= 50 bytes

  bool operator==(const Security&) const = default;
};

/// How a listener speaks TLS. Empty: no such file, or OpenSSL's default.
struct TlsSettings {
  std::vector<std::string> certfiles;   ///< certfile: chosen by SNI, the first is the default
  std::vector<std::string> keyfiles;    ///< keyfile: the n-th is that of the n-th certfile
  std::vector<std::string> ocsp_files;  ///< ocsp_file: each is about one of the certificates
  std::string cafile;
  std::string capath;
  std::string crlfile;
  std::string ciphers;
  std::string ciphers_tls1_3;  ///< ciphers_tls1.3
  std::string psk_hint;
  bool require_certificate = false;
  bool disable_client_cert_date_checks = false;
  bool use_identity_as_username = false;
  bool use_subject_as_username = false;
  bool tls1_3_only = false;     ///< tls_version tlsv1.3
  bool session_tickets = true;  ///< tls_session_tickets

  [[nodiscard]] bool is_on() const { return !certfiles.empty() || !psk_hint.empty(); }
  bool operator==(const TlsSettings&) const = default;
};

enum class Protocol : std::uint8_t {
  mqtt,
  websockets,
  http,      ///< http_listener: no client of MQTT connects there
  http_api,  ///< the same, with the paths of Mosquitto's API
};

enum class SocketDomain : std::uint8_t { any, ipv4, ipv6 };

/// The loss that a full queue of a client causes.
enum class SlowConsumer : std::uint8_t { drop_newest, drop_oldest, latest_per_topic, disconnect };

/// MQTT versions that a listener accepts, by protocol level.
struct ProtocolVersions {
  bool v3 = true;  ///< MQTT 3.1
  bool v4 = true;  ///< MQTT 3.1.1
  bool v5 = true;  ///< MQTT 5.0

  bool operator==(const ProtocolVersions&) const = default;
};

/// Which header field of a proxy names the client.
enum class RealIpHeader : std::uint8_t { any, x_forwarded_for, x_real_ip, forwarded };

/// One place where clients come in.
///
/// Shape      Exactly one of three: `loopback_only` (127.0.0.1 and ::1 on `port`, and one of the
///            two may be missing on this machine), `unix_socket_path`, or `port` with `address`.
struct Listener {
  std::string address;           ///< host name or address; empty: all addresses
  std::string unix_socket_path;  ///< listener 0 PATH
  std::uint32_t unix_socket_mode = 0770;
  std::string unix_socket_owner;  ///< user, user:group or :group; empty: the process's
  std::string bind_interface;     ///< network device; empty: any
  std::uint16_t port = 1883;      ///< 0: unix_socket_path says where
  bool loopback_only = false;     ///< nobody named an address: open nothing to the outside
  SocketDomain socket_domain = SocketDomain::any;
  Protocol protocol = Protocol::mqtt;

  std::uint8_t max_qos = 2;  ///< 0 to 2
  ProtocolVersions accept_protocol_versions;
  bool use_username_as_clientid = false;
  std::uint16_t max_topic_alias = 10;         ///< aliases a client may use towards the broker
  std::uint16_t max_topic_alias_broker = 10;  ///< aliases the broker makes towards a client
  std::int32_t max_connections = -1;          ///< -1: no limit
  std::uint32_t max_connections_per_address = 0;
  std::uint32_t max_connection_rate = 0;   ///< per second
  std::uint32_t max_connection_burst = 0;  ///< 0: as many as in a second
  std::uint32_t max_connection_rate_per_address = 0;
  std::uint32_t max_connection_burst_per_address = 0;
  std::uint32_t max_publish_rate = 0;        ///< per second and client
  std::uint32_t max_publish_bytes_rate = 0;  ///< the same in bytes
  bool publish_rate_disconnects = false;     ///< publish_rate_policy disconnect
  SlowConsumer slow_consumer = SlowConsumer::drop_newest;
  std::string mount_point;  ///< put before every topic; empty: none
  Security security;
  TlsSettings tls;

  std::uint8_t proxy_protocol = 0;           ///< enable_proxy_protocol: 1 or 2; 0: none
  bool proxy_protocol_requires_tls = false;  ///< proxy_protocol_v2_require_tls
  std::vector<std::string> trusted_proxies;  ///< networks, "unix", or "none"; empty: not said
  RealIpHeader real_ip_header = RealIpHeader::any;

  std::vector<std::string> websockets_origins;         ///< websockets_origin; empty: any
  std::string http_dir;                                ///< files served over HTTP; empty: none
  std::string http_path;                               ///< the only path for upgrades; empty: any
  std::uint32_t websockets_ping_interval_seconds = 0;  ///< 0: the broker sends no pings

  bool operator==(const Listener&) const = default;
};

enum class LogDestinationKind : std::uint8_t {
  standard_output,
  standard_error,
  syslog,
  topic,  ///< $SYS/broker/log/...
  file,
};

struct LogDestination {
  LogDestinationKind kind = LogDestinationKind::standard_error;
  std::string path;  ///< of a file; empty for the other kinds

  bool operator==(const LogDestination&) const = default;
};

/// The form of log lines.
enum class LogFormat : std::uint8_t {
  text,  ///< Mosquitto's: "TIME: LINE"
  json,  ///< an object in each line
};

/// The form of lines on a standard stream that journald reads.
enum class LogJournal : std::uint8_t {
  plain,         ///< as elsewhere
  priority,      ///< "<4>" in front, which journald takes off
  without_time,  ///< the same, and no time but the journal's own
};

/// The value of log_timestamp_format for RFC 3339 with milliseconds and the local time zone.
inline constexpr std::string_view iso_times = "iso";
/// The same on a terminal, and seconds elsewhere: nothing but a person reads a terminal.
inline constexpr std::string_view auto_times = "auto";

/// The types of log lines, their destinations and their form.
struct LogSettings {
  std::vector<LogDestination> destinations = {LogDestination{}};  ///< log_dest; empty: none
  std::uint32_t types = static_cast<std::uint32_t>(broker::LogType::error) |
                        static_cast<std::uint32_t>(broker::LogType::warning) |
                        static_cast<std::uint32_t>(broker::LogType::notice) |
                        static_cast<std::uint32_t>(broker::LogType::information);
  ///< log_type: bits of broker::LogType
  bool timestamp = true;  ///< log_timestamp
  std::string timestamp_format{
      iso_times};  ///< of strftime, iso_times or auto_times; empty: seconds since 1970
  LogFormat format = LogFormat::text;             ///< log_format
  LogJournal journal = LogJournal::without_time;  ///< log_journal
  std::int32_t facility = -1;       ///< log_facility: 0 to 7 mean local0 to local7; -1: daemon
  bool connection_messages = true;  ///< connection_messages

  bool operator==(const LogSettings&) const = default;
};

/// More event loops than that are not started, whatever the option says.
inline constexpr std::uint32_t threads_max = 64;

/// All options of the broker. A plain value: the loader passes the parts on, and no other component
/// reads configuration.
///
/// Units      Last in the name. A limit of 0 means no limit unless the member says otherwise.
/// Invariant  Every listener is complete: defaults, per_listener_settings and the command line have
///            been applied.
struct Settings {
  std::vector<Listener> listeners;
  std::vector<BridgeSettings> bridges;
  ClusterSettings cluster;
  LogSettings log;

  std::string user = "mosquitto";   ///< the user to change to when started as root
  bool refuse_open_secrets = true;  ///< world_readable_secrets refuse
  std::string pid_file;             ///< empty: none
  std::string control_group;        ///< may ask the running broker, too; empty: none
  std::string admin_file;           ///< users of http_listener; empty: no API, no status page
  std::uint32_t threads = 0;        ///< event loops; 0: one per core; see threads_max
  bool daemon = false;              ///< -d: go to the background after start
  bool set_tcp_nodelay = false;
  std::uint16_t sys_interval_seconds = 10;             ///< sys_interval; 0: no $SYS
  std::uint32_t websockets_headers_size_bytes = 8192;  ///< headers of an upgrade request

  std::uint32_t tls_reload_interval_seconds = 0;  ///< looks for changed files; 0: never
  std::string tls_keylog_file;                    ///< --tls-keylog; empty: none

  std::int32_t global_max_clients = -1;      ///< sessions, connected or kept; -1: no limit
  std::int32_t global_max_connections = -1;  ///< connected clients; -1: no limit
  std::uint32_t handshake_timeout_seconds = 30;
  std::uint32_t max_login_failures = 0;            ///< of an address; 0: no bans
  std::uint32_t login_failures_time_seconds = 60;  ///< within which they count
  std::uint32_t login_ban_time_seconds = 300;
  std::uint8_t address_prefix_ipv6_bits = 64;
  std::uint64_t max_login_bytes_per_address = 67'108'864;           ///< 0: no limit
  std::vector<std::string> limits_exempt = {"127.0.0.0/8", "::1"};  ///< networks
  std::uint32_t message_size_limit_bytes = 0;       ///< message_size_limit: largest payload
  std::uint32_t max_packet_size_bytes = 2'000'000;  ///< max_packet_size: at least 20
  std::uint32_t max_queued_messages = 1000;
  std::uint64_t max_queued_bytes = 0;
  std::uint64_t max_queued_qos0_bytes = 16'777'216;
  SlowConsumer slow_consumer = SlowConsumer::drop_newest;  ///< slow_consumer_policy
  std::uint64_t memory_limit_bytes = 0;                    ///< memory_limit
  std::uint64_t max_inflight_bytes = 0;
  std::uint32_t packet_max_connect_bytes = 100'000;  ///< packet_max_connect: before a login
  std::uint32_t max_subscriptions = 1'000'000;       ///< of one client; 0: no limit
  std::uint16_t max_inflight_messages = 20;
  std::uint16_t receive_maximum = 65'535;   ///< max_inflight_messages, where that is set
  std::uint16_t max_keepalive_seconds = 0;  ///< max_keepalive
  bool max_keepalive_cap = false;           ///< lower it silently before 5.0, do not refuse
  bool queue_qos0_messages = false;
  bool upgrade_outgoing_qos = false;
  bool allow_duplicate_messages = true;
  std::string clientid_prefixes;  ///< client ids must begin so; empty: any

  std::uint64_t persistent_client_expiration_seconds = 0;  ///< 0: never
  bool retain_available = true;
  bool check_retain_source = true;
  bool acl_refuse_subscribe = true;
  bool mosquitto_answers = false;
  bool allow_control_characters = true;
  bool websockets_origin_required = true;
  bool proxy_protocol_unknown_client = true;

  bool persistence = false;
  bool persistence_relaxed = false;         ///< persistence_durability relaxed
  bool persistence_refuse_damaged = false;  ///< persistence_damaged refuse
  std::string persistence_location;
  std::string persistence_file = "mosquitto.db";

  /// Warnings and notices about the configuration, for the log. Never errors.
  Diagnostics remarks;

  bool operator==(const Settings&) const = default;
};

}  // namespace conf
