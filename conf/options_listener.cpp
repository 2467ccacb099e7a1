#include <array>
#include <cstdint>
#include <string>

#include "conf/option_rows.h"

namespace conf {
namespace {

void protocol(Settings& /*settings*/, Listener& listener, const Value& value) {
  const std::string& name = std::get<std::string>(value);
  listener.protocol = name == "websockets" ? Protocol::websockets
                      : name == "http_api" ? Protocol::http_api
                                           : Protocol::mqtt;
}

void socket_domain(Settings& /*settings*/, Listener& listener, const Value& value) {
  listener.socket_domain =
      std::get<std::string>(value) == "ipv4" ? SocketDomain::ipv4 : SocketDomain::ipv6;
}

void listener_slow_consumer(Settings& /*settings*/, Listener& listener, const Value& value) {
  listener.slow_consumer = slow_consumer_of(value);
}

void publish_rate_policy(Settings& /*settings*/, Listener& listener, const Value& value) {
  listener.publish_rate_disconnects = std::get<std::string>(value) == "disconnect";
}

void versions(Settings& /*settings*/, Listener& listener, const Value& value) {
  const auto& list = std::get<std::string>(value);
  listener.accept_protocol_versions = {.v3 = list.find('3') != list.npos,
                                       .v4 = list.find('4') != list.npos,
                                       .v5 = list.find('5') != list.npos};
}

void unix_socket_mode(Settings& /*settings*/, Listener& listener, const Value& value) {
  constexpr int octal = 8;
  listener.unix_socket_mode =
      static_cast<std::uint32_t>(std::stoul(std::get<std::string>(value), nullptr, octal));
}

constexpr auto listener_rows = std::to_array<Option>({
    // Where it listens.
    {.name = "listener",
     .type = Type::heading,
     .scope = Scope::listener,
     .repeated = true,
     .example = "1883 127.0.0.1",
     .help = "Begin a listener: a port and an address, or 0 and the path of a unix socket. What "
             "follows belongs to it. Without any, the broker listens on port 1883 of the loopback "
             "addresses only."},
    {.name = "http_listener",
     .type = Type::heading,
     .scope = Scope::listener,
     .repeated = true,
     .example = "9100",
     .help =
         "Begin a listener that speaks only HTTP: a port and an address, or 0 and the path of a "
         "unix socket. What follows belongs to it. Without an address it listens on the "
         "loopback addresses only. It serves /metrics for Prometheus, /healthz, /readyz and "
         "the files of http_dir. There is no login for these unless admin_file is set: then "
         "/metrics needs one, and a status page at / and an API at /api/v1 are served, too."},
    {.name = "port",
     .type = Type::integer,
     .scope = Scope::listener,
     .minimum = 1,
     .maximum = uint16_max,
     .default_text = "1883",
     .help = "Port of the default listener (mosquitto.conf), or of this one (darter.toml).",
     .apply = to_listener<&Listener::port>},
    {.name = "bind_address",
     .scope = Scope::listener,
     .example = "127.0.0.1",
     .help = "Address or host name to listen on; all addresses by default.",
     .apply = to_listener<&Listener::address>},
    {.name = "unix_socket_path",
     .scope = Scope::listener,
     .example = "/run/darter/mqtt.sock",
     .form = Form::toml_only,
     .help = "Listen on a unix socket of this path, instead of a port.",
     .apply = to_listener<&Listener::unix_socket_path>},
    {.name = "unix_socket_mode",
     .type = Type::file_mode,
     .scope = Scope::listener,
     .default_text = "0770",
     .help = "Access bits of the unix socket's file: whoever may write to it may connect.",
     .apply = unix_socket_mode},
    {.name = "unix_socket_owner",
     .scope = Scope::listener,
     .example = ":www-data",
     .help = "Owner of the unix socket's file: user, user:group or :group. By default who runs the "
             "broker.",
     .apply = to_listener<&Listener::unix_socket_owner>},
    {.name = "bind_interface",
     .scope = Scope::listener,
     .example = "lo",
     .help = "Listen on this network device only.",
     .apply = to_listener<&Listener::bind_interface>},
    {.name = "socket_domain",
     .type = Type::choice,
     .scope = Scope::listener,
     .choices = "ipv4 ipv6",
     .example = "ipv4",
     .help = "Use only IPv4 or only IPv6; both by default.",
     .apply = socket_domain},
    {.name = "protocol",
     .type = Type::choice,
     .scope = Scope::listener,
     .choices = "mqtt websockets http_api",
     .default_text = "mqtt",
     .help = "What is spoken here: MQTT over TCP, or over WebSocket; or HTTP, for Mosquitto's "
             "/api/v1/version, /api/v1/listeners and /api/v1/systree and for http_dir: with the "
             "login of this listener, and the right to read the path as a topic. See "
             "http_listener for more.",
     .apply = protocol},

    // Admission of clients at this listener.
    {.name = "listener_allow_anonymous",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "false",
     .help = "As allow_anonymous, for this listener only; wins over it.",
     .apply = to_security<&Security::allow_anonymous>},
    {.name = "listener_auto_id_prefix",
     .scope = Scope::listener,
     .maximum = 50,
     .default_text = "auto-",
     .help = "As auto_id_prefix, for this listener only; wins over it.",
     .apply = to_security<&Security::auto_id_prefix>},
    {.name = "accept_protocol_versions",
     .type = Type::versions,
     .scope = Scope::listener,
     .default_text = "3,4,5",
     .help = "MQTT versions accepted here: 3 is 3.1, 4 is 3.1.1, 5 is 5.0.",
     .apply = versions},
    {.name = "max_connections",
     .type = Type::integer,
     .scope = Scope::listener,
     .minimum = -1,
     .maximum = int32_max,
     .default_text = "-1",
     .help = "Most clients connected here; -1 means no limit.",
     .apply = to_listener<&Listener::max_connections>},
    {.name = "max_connections_per_address",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = int32_max,
     .default_text = "0",
     .help = "Most connections from one address at a time; 0 means no limit. See limits_exempt and "
             "address_prefix_ipv6.",
     .apply = to_listener<&Listener::max_connections_per_address>},
    {.name = "max_connection_rate",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = int32_max,
     .default_text = "0",
     .help =
         "Most new connections a second, of all addresses together; 0 means no limit. Those "
         "above it are told: CONNACK connection rate exceeded, or server unavailable before "
         "5.0; HTTP 503 with Retry-After. In a flood, and of TLS listeners all but 20 a second, "
         "they are closed at once.",
     .apply = to_listener<&Listener::max_connection_rate>},
    {.name = "max_connection_burst",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = int32_max,
     .default_text = "0",
     .help = "How many of them may come at once; 0 means as many as in a second.",
     .apply = to_listener<&Listener::max_connection_burst>},
    {.name = "max_connection_rate_per_address",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = int32_max,
     .default_text = "0",
     .help = "Most new connections a second from one address; 0 means no limit. HTTP clients above "
             "it are answered 429. See max_connection_rate.",
     .apply = to_listener<&Listener::max_connection_rate_per_address>},
    {.name = "max_connection_burst_per_address",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = int32_max,
     .default_text = "0",
     .help = "How many of them may come at once; 0 means as many as in a second.",
     .apply = to_listener<&Listener::max_connection_burst_per_address>},
    {.name = "listener_slow_consumer_policy",
     .type = Type::choice,
     .scope = Scope::listener,
     .choices = "drop_newest drop_oldest latest_per_topic disconnect",
     .default_text = "drop_newest",
     .help = "As slow_consumer_policy, for clients of this listener only; wins over it.",
     .apply = listener_slow_consumer},
    {.name = "use_username_as_clientid",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "false",
     .help = "Replace the client id by the username; who has none is refused.",
     .apply = to_listener<&Listener::use_username_as_clientid>},

    // Limits on the clients of this listener.
    {.name = "max_qos",
     .aliases = "maximum_qos",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = 2,
     .default_text = "2",
     .help = "Highest QoS of clients here; clients of 5.0 are told.",
     .apply = to_listener<&Listener::max_qos>},
    {.name = "max_publish_rate",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = int32_max,
     .default_text = "0",
     .help =
         "Most publishes a second of one client; 0 means no limit. A second's worth may come at "
         "once.",
     .apply = to_listener<&Listener::max_publish_rate>},
    {.name = "max_publish_bytes_rate",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = int32_max,
     .default_text = "0",
     .units = "bytes",
     .help =
         "Most bytes a second in publishes of one client; 0 means no limit. A second's worth may "
         "come at once, and so may a single larger one.",
     .apply = to_listener<&Listener::max_publish_bytes_rate>},
    {.name = "publish_rate_policy",
     .type = Type::choice,
     .scope = Scope::listener,
     .choices = "delay disconnect",
     .default_text = "delay",
     .help = "What becomes of a client that publishes faster: it is not read for a while, so that "
             "its own socket fills up; or it is disconnected (5.0: message rate too high, or quota "
             "exceeded).",
     .apply = publish_rate_policy},
    {.name = "max_topic_alias",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = uint16_max,
     .default_text = "10",
     .help = "Topic aliases that a client of 5.0 may use towards the broker.",
     .apply = to_listener<&Listener::max_topic_alias>},
    {.name = "max_topic_alias_broker",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = uint16_max,
     .default_text = "10",
     .help = "Topic aliases that the broker makes towards a client of 5.0.",
     .apply = to_listener<&Listener::max_topic_alias_broker>},
    {.name = "mount_point",
     .scope = Scope::listener,
     .last_counts = true,
     .example = "site/1/",
     .help = "Put this before every topic of clients here, and take it off on the way out.",
     .apply = to_listener<&Listener::mount_point>},

    // WebSocket.
    {.name = "websockets_origin",
     .scope = Scope::listener,
     .repeated = true,
     .example = "https://example.org",
     .help = "Accept upgrades only with this Origin header; any by default.",
     .apply = to_listener<&Listener::websockets_origins>},
    {.name = "websockets_ping_interval",
     .type = Type::integer,
     .scope = Scope::listener,
     .maximum = uint16_max,
     .default_text = "0",
     .units = "seconds",
     .help = "Send a WebSocket ping after so much silence, so that no proxy cuts the connection; 0 "
             "sends none. Browsers answer by themselves.",
     .apply = to_listener<&Listener::websockets_ping_interval_seconds>},
    {.name = "http_path",
     .scope = Scope::listener,
     .example = "/mqtt",
     .help = "The only path on which upgrades are accepted; any by default.",
     .apply = to_listener<&Listener::http_path>},
    {.name = "http_dir",
     .scope = Scope::listener,
     .last_counts = true,
     .example = "/usr/share/darter/www",
     .help = "Folder of files that a WebSocket listener or an http_listener serves over HTTP.",
     .apply = to_listener<&Listener::http_dir>},
});

}  // namespace

std::span<const Option> listener_option_rows() { return listener_rows; }

}  // namespace conf
