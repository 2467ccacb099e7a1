#include <array>
#include <cstdint>
#include <limits>
#include <string>

#include "conf/option_rows.h"

namespace conf {
namespace {

constexpr std::int64_t int64_max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t payload_max_bytes = 268'435'455;
constexpr std::int64_t prefix_max_bytes = 50;

void default_slow_consumer(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.slow_consumer = slow_consumer_of(value);
}

/// The window towards clients and, if it is set, the one that they are told.
void max_inflight_messages(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.max_inflight_messages, value);
  store(settings.receive_maximum, value);
}

void limits_exempt(Settings& settings, Listener& /*listener*/, const Value& value) {
  for (const std::string_view each : words_of(std::get<std::string>(value))) {
    settings.limits_exempt.emplace_back(each);
  }
}

void world_readable_secrets(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.refuse_open_secrets = std::get<std::string>(value) == "refuse";
}

constexpr auto client_rows = std::to_array<Option>({
    // Admission of clients.
    {.name = "per_listener_settings",
     .type = Type::flag,
     .default_text = "false",
     .help = "Make the security options apply to the listener they stand under. Must come before "
             "them."},
    {.name = "allow_anonymous",
     .type = Type::flag,
     .scope = Scope::security,
     .default_text = "false",
     .help = "May clients connect without a username? True by default only if no listener, port or "
             "bind_address is given.",
     .apply = to_security<&Security::allow_anonymous>},
    {.name = "password_file",
     .scope = Scope::security,
     .last_counts = true,
     .example = "/etc/darter/passwd",
     .help = "File of user:hash lines, as darter-passwd and mosquitto_passwd write them. See "
             "world_readable_secrets. An empty password never logs in. Wrong ones are answered "
             "late: of one user from one address the first at once, the next after 100 "
             "milliseconds, and so on twice as late up to 5 seconds. The right one waits a second "
             "at most for those before it.",
     .apply = to_security<&Security::password_file>},
    {.name = "acl_file",
     .scope = Scope::security,
     .last_counts = true,
     .example = "/etc/darter/acl",
     .help =
         "File of user, topic and pattern lines: who may publish and subscribe to what. In a "
         "pattern %c is the client id, %u the user name, %a the client's own address, or 'unix'. "
         "Of a session that was restored its address is not known until its client is back: "
         "until then a line with %a grants nothing, and denies what it would deny of any.",
     .apply = to_security<&Security::acl_file>},
    {.name = "acl_refuse_subscribe",
     .type = Type::flag,
     .default_text = "true",
     .mosquitto_default = "false",
     .help = "Refuse a SUBSCRIBE to a filter of which the client may read nothing. If not, it is "
             "granted and brings nothing, until a reload allows it.",
     .apply = to_settings<&Settings::acl_refuse_subscribe>},
    {.name = "admin_file",
     .last_counts = true,
     .example = "/etc/darter/admins",
     .help = "File of user:hash:role lines, for the API and the status page of each http_listener, "
             "which are off without it. darter-passwd writes its user:hash; append :admin to the "
             "line of a user who may disconnect clients, forget sessions, delete retained "
             "messages and back up the store. Others, or those with :read-only, see the same and "
             "change nothing. With "
             "this file /metrics needs a login, too, by HTTP's basic authentication."
             " See world_readable_secrets and max_login_failures, which hold for these logins.",
     .apply = to_settings<&Settings::admin_file>},
    {.name = "psk_file",
     .scope = Scope::security,
     .last_counts = true,
     .example = "/etc/darter/psk",
     .help = "File of identity:hexkey lines for listeners with TLS-PSK. See "
             "world_readable_secrets.",
     .apply = to_security<&Security::psk_file>},
    {.name = "world_readable_secrets",
     .type = Type::choice,
     .choices = "refuse warn",
     .default_text = "refuse",
     .mosquitto_default = "warn",
     .help = "What to do with a password_file, psk_file or keyfile that everybody on this machine "
             "may read or change: not use it, which is an error, or use it with a warning. Both "
             "name the command that closes the file and leaves it readable for the broker.",
     .apply = world_readable_secrets},
    {.name = "allow_zero_length_clientid",
     .type = Type::flag,
     .scope = Scope::security,
     .default_text = "true",
     .help = "May a client send an empty client id and be given one? If not, it is refused.",
     .apply = to_security<&Security::allow_zero_length_clientid>},
    {.name = "auto_id_prefix",
     .scope = Scope::security,
     .maximum = prefix_max_bytes,
     .default_text = "auto-",
     .help = "How the client ids begin that the broker makes.",
     .apply = to_security<&Security::auto_id_prefix>},
    {.name = "allow_control_characters",
     .type = Type::flag,
     .default_text = "true",
     .mosquitto_default = "false",
     .help = "May client ids, user names, topics and properties of messages have control "
             "characters (U+0001 to U+001F, U+007F to U+009F) and non-characters (such as U+FFFE)? "
             "If not, "
             "they count as malformed, and the connection is closed. In payloads and passwords "
             "they always may.",
     .apply = to_settings<&Settings::allow_control_characters>},
    {.name = "websockets_origin_required",
     .type = Type::flag,
     .default_text = "true",
     .mosquitto_default = "false",
     .help = "Where websockets_origin is set, refuse upgrades without an Origin header, too. "
             "Browsers always send one, other clients seldom do.",
     .apply = to_settings<&Settings::websockets_origin_required>},
    {.name = "proxy_protocol_unknown_client",
     .type = Type::flag,
     .default_text = "true",
     .mosquitto_default = "false",
     .help =
         "Take connections whose PROXY header of version 2 names no client (LOCAL, UNSPEC), such "
         "as a balancer's health checks, as the proxy's own. Otherwise they are closed.",
     .apply = to_settings<&Settings::proxy_protocol_unknown_client>},
    {.name = "clientid_prefixes",
     .last_counts = true,
     .example = "sensor-",
     .help = "Accept only client ids that begin with this.",
     .apply = to_settings<&Settings::clientid_prefixes>},

    // Limits.
    {.name = "global_max_clients",
     .type = Type::integer,
     .minimum = -1,
     .maximum = int32_max,
     .default_text = "-1",
     .help = "Most client sessions of the whole broker, connected or kept while offline; -1 means "
             "no limit.",
     .apply = to_settings<&Settings::global_max_clients>},
    {.name = "global_max_connections",
     .type = Type::integer,
     .minimum = -1,
     .maximum = int32_max,
     .default_text = "-1",
     .help = "Most connected clients of the whole broker; -1 means no limit.",
     .apply = to_settings<&Settings::global_max_connections>},
    {.name = "mosquitto_answers",
     .type = Type::flag,
     .default_text = "false",
     .mosquitto_default = "true",
     .help = "Say no more than Mosquitto. A connection above max_connections or "
             "global_max_connections is closed without an answer; if not, it is told why. PUBREL "
             "and PUBREC for an unknown packet identifier are answered with success; if not, with "
             "0x92. PUBLISH below $CONTROL/ succeeds and reaches nobody, and its client is told "
             "that there is no such endpoint; if not, it is refused.",
     .apply = to_settings<&Settings::mosquitto_answers>},
    {.name = "handshake_timeout",
     .type = Type::integer,
     .minimum = 1,
     .maximum = 3600,
     .default_text = "30",
     .units = "seconds",
     .help =
         "How long a client may take until its CONNECT is there, with all that comes before it: "
         "TLS and the opening of a WebSocket.",
     .apply = to_settings<&Settings::handshake_timeout_seconds>},
    {.name = "max_login_failures",
     .type = Type::integer,
     .maximum = 1'000'000,
     .default_text = "0",
     .example = "10",
     .help =
         "Ban an address after so many failed logins within login_failures_time; 0 bans nobody. "
         "A banned address is closed at once, or told so if it sends a CONNECT on a connection "
         "that it has. Clients behind one NAT are one address.",
     .apply = to_settings<&Settings::max_login_failures>},
    {.name = "login_failures_time",
     .type = Type::integer,
     .minimum = 1,
     .maximum = 86'400,
     .default_text = "60",
     .units = "seconds",
     .help = "How long a failed login counts.",
     .apply = to_settings<&Settings::login_failures_time_seconds>},
    {.name = "login_ban_time",
     .type = Type::integer,
     .minimum = 1,
     .maximum = int32_max,
     .default_text = "300",
     .units = "seconds",
     .help = "How long an address is banned.",
     .apply = to_settings<&Settings::login_ban_time_seconds>},
    {.name = "address_prefix_ipv6",
     .type = Type::integer,
     .minimum = 1,
     .maximum = 128,
     .default_text = "64",
     .units = "bits",
     .help = "IPv6 addresses that begin with the same bits count as one address: a single customer "
             "is given at least a /64.",
     .apply = to_settings<&Settings::address_prefix_ipv6_bits>},
    {.name = "limits_exempt",
     .type = Type::networks,
     .repeated = true,
     .default_text = "127.0.0.0/8 ::1",
     .help = "Networks to which no limit by address applies: neither max_connections_per_address, "
             "max_connection_rate_per_address, max_login_bytes_per_address nor bans. Clients on "
             "unix sockets are always exempt. Where proxies are believed (trusted_proxies), a "
             "client counts by its own address.",
     .apply = limits_exempt},
    {.name = "max_keepalive",
     .type = Type::integer,
     .maximum = uint16_max,
     .default_text = "0",
     .units = "seconds",
     .help = "Largest keepalive accepted; 0 means no limit. Clients of 5.0 are told the lower "
             "value, older ones that ask for more, or for none, are refused.",
     .apply = to_settings<&Settings::max_keepalive_seconds>},
    {.name = "max_keepalive_cap",
     .type = Type::flag,
     .default_text = "false",
     .help = "Do not refuse clients before 5.0 that ask for more than max_keepalive, or for none: "
             "let them in and hold them to max_keepalive. For browsers, whose libraries cannot be "
             "told.",
     .apply = to_settings<&Settings::max_keepalive_cap>},
    {.name = "max_packet_size",
     .type = Type::integer,
     .minimum = 20,
     .maximum = payload_max_bytes + 5,
     .default_text = "2000000",
     .units = "bytes",
     .help = "Largest MQTT packet accepted; clients of 5.0 are told.",
     .apply = to_settings<&Settings::max_packet_size_bytes>},
    {.name = "packet_max_connect",
     .type = Type::integer,
     .maximum = payload_max_bytes + 5,
     .default_text = "100000",
     .units = "bytes",
     .help = "Largest CONNECT packet: what a client can make the broker keep before it has logged "
             "in. 0 leaves it to max_packet_size.",
     .apply = to_settings<&Settings::packet_max_connect_bytes>},
    {.name = "max_login_bytes_per_address",
     .type = Type::integer,
     .maximum = int64_max,
     .default_text = "67108864",
     .units = "bytes",
     .help = "What all connections from one address together may make the broker keep before "
             "their logins are answered, but for the first 4096 bytes of each. A connection that "
             "asks for more is closed. 0 means no limit. See limits_exempt and "
             "address_prefix_ipv6.",
     .apply = to_settings<&Settings::max_login_bytes_per_address>},
    {.name = "message_size_limit",
     .type = Type::integer,
     .maximum = payload_max_bytes,
     .default_text = "0",
     .units = "bytes",
     .help = "Largest payload of a publish; 0 means what max_packet_size allows.",
     .apply = to_settings<&Settings::message_size_limit_bytes>},
    {.name = "max_inflight_messages",
     .type = Type::integer,
     .maximum = uint16_max,
     .default_text = "20",
     .help = "Messages of QoS 1 and 2 on their way to one client at a time; 0 means no limit but "
             "32767. Where it is set, clients of 5.0 are told that they may send as many at a time "
             "themselves; "
             "where it is not, 65535.",
     .apply = max_inflight_messages},
    {.name = "max_inflight_bytes",
     .type = Type::integer,
     .maximum = int64_max,
     .default_text = "0",
     .units = "bytes",
     .help = "Bytes of payloads of QoS 1 and 2 on their way to one client at a time: while there "
             "are fewer, one more message goes out, however large; 0 means no limit.",
     .apply = to_settings<&Settings::max_inflight_bytes>},
    {.name = "max_queued_messages",
     .type = Type::integer,
     .maximum = int32_max,
     .default_text = "1000",
     .help = "Messages of QoS 1 and 2 that wait for one client beyond those in flight; 0 means no "
             "limit.",
     .apply = to_settings<&Settings::max_queued_messages>},
    {.name = "max_queued_bytes",
     .type = Type::integer,
     .maximum = int64_max,
     .default_text = "0",
     .units = "bytes",
     .help = "Bytes of payloads of QoS 1 and 2 that wait for one client beyond those in flight: "
             "while there are fewer, one more message is taken, however large. Topics and "
             "properties may take as much again, and at least 65536 bytes. 0 means no limit.",
     .apply = to_settings<&Settings::max_queued_bytes>},
    {.name = "max_queued_qos0_bytes",
     .type = Type::integer,
     .maximum = int64_max,
     .default_text = "16777216",
     .units = "bytes",
     .help = "Bytes of QoS 0, with topics and properties, that wait for one client whose socket is "
             "behind: while there are fewer, one more message is taken, however large. "
             "max_queued_messages and max_queued_bytes bound them too; 0 leaves it to those.",
     .apply = to_settings<&Settings::max_queued_qos0_bytes>},
    {.name = "slow_consumer_policy",
     .type = Type::choice,
     .choices = "drop_newest drop_oldest latest_per_topic disconnect",
     .default_text = "drop_newest",
     .help = "What gives way when as much waits for a client as max_queued_messages and "
             "max_queued_bytes allow: the message that comes; the one that has waited longest; "
             "always an older one of the same topic, and if that is not enough the one that has "
             "waited longest; or the client, which is disconnected (and while it is away loses the "
             "message that comes). What is in flight never does.",
     .apply = default_slow_consumer},
    {.name = "max_subscriptions",
     .type = Type::integer,
     .maximum = int32_max,
     .default_text = "1000000",
     .help = "Most subscriptions of one client, shared ones too; 0 means no limit. More are "
             "answered with 0x97, Quota exceeded (0x80 before 5.0).",
     .apply = to_settings<&Settings::max_subscriptions>},
    {.name = "memory_limit",
     .type = Type::integer,
     .maximum = int64_max,
     .default_text = "0",
     .example = "1073741824",
     .units = "bytes",
     .help = "Most memory the broker may use; 0 means no limit. From nine tenths of it on new "
             "clients are told that the server is busy, and nothing more is taken that would have "
             "to be kept, until it is down to eight tenths.",
     .apply = to_settings<&Settings::memory_limit_bytes>},
});

}  // namespace

std::span<const Option> client_option_rows() { return client_rows; }

}  // namespace conf
