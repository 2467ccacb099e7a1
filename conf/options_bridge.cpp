#include <algorithm>
#include <array>
#include <cassert>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "conf/bridge_values.h"
#include "conf/option_rows.h"

namespace conf {
namespace {

constexpr std::int64_t uint32_max = std::numeric_limits<std::uint32_t>::max();

void addresses(Settings& settings, Listener& /*listener*/, const Value& value) {
  auto parsed = parse_bridge_addresses(std::get<std::string>(value));
  assert(parsed);
  settings.bridges.back().addresses = std::move(*parsed);
}

void topic(Settings& settings, Listener& /*listener*/, const Value& value) {
  auto parsed = parse_bridge_topic(std::get<std::string>(value));
  assert(parsed);
  settings.bridges.back().topics.push_back(std::move(*parsed));
}

void protocol_version(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto& word = std::get<std::string>(value);
  BridgeProtocol& protocol = settings.bridges.back().protocol;
  protocol = BridgeProtocol::v3_1_1;
  if (word == "mqttv31") protocol = BridgeProtocol::v3_1;
  if (word == "mqttv50") protocol = BridgeProtocol::v5_0;
}

void bridge_protocol(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.bridges.back().websockets = std::get<std::string>(value) == "websockets";
}

void reload_type(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.bridges.back().reload_immediately = std::get<std::string>(value) == "immediate";
}

void start_type(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto& word = std::get<std::string>(value);
  BridgeStart& start = settings.bridges.back().start_type;
  start = BridgeStart::automatic;
  if (word == "lazy") start = BridgeStart::lazy;
  if (word == "once") start = BridgeStart::once;
}

/// Mosquitto takes shorter ones for the shortest; check_bridges() says so.
void keepalive_interval(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.bridges.back().keepalive_interval_seconds, value);
  auto& seconds = settings.bridges.back().keepalive_interval_seconds;
  seconds = std::max(seconds, bridge_keepalive_min);
}

void idle_timeout(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.bridges.back().idle_timeout_seconds, value);
  auto& seconds = settings.bridges.back().idle_timeout_seconds;
  seconds = std::max(seconds, std::uint32_t{1});
}

void threshold(Settings& settings, Listener& /*listener*/, const Value& value) {
  store(settings.bridges.back().threshold, value);
  auto& messages = settings.bridges.back().threshold;
  messages = std::max(messages, std::uint32_t{1});
}

void restart_timeout(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto numbers = parse_numbers(std::get<std::string>(value));
  assert(!numbers.empty());
  BridgeRestart& restart = settings.bridges.back().restart;
  restart.base_seconds = std::max(numbers.front(), std::uint32_t{1});
  restart.cap_seconds = numbers.size() > 1 ? numbers[1] : 0;
}

void tcp_keepalive(Settings& settings, Listener& /*listener*/, const Value& value) {
  const auto numbers = parse_numbers(std::get<std::string>(value));
  assert(numbers.size() == 3);
  settings.bridges.back().tcp_keepalive = {
      .idle_seconds = numbers[0], .interval_seconds = numbers[1], .probes = numbers[2]};
}

constexpr auto bridge_rows = std::to_array<Option>({
    {.name = "connection",
     .type = Type::heading,
     .scope = Scope::bridge,
     .repeated = true,
     .example = "bridge-name",
     .help =
         "Begin a bridge to another broker: its name. What follows belongs to it. A message "
         "that the bridge has taken at one end is acknowledged there when the other end has it."},
    {.name = "name",
     .scope = Scope::bridge,
     .example = "bridge-name",
     .form = Form::toml_only,
     .help = "Name of the bridge, for log lines and client ids: what stands behind connection in a "
             "mosquitto.conf.",
     .apply = to_bridge<&BridgeSettings::name>},
    {.name = "address",
     .aliases = "addresses",
     .type = Type::addresses,
     .scope = Scope::bridge,
     .example = "example.org:1883",
     .help = "Where the remote broker listens: HOST:PORT, port 1883 by default, or a URL: mqtt://, "
             "mqtts://, ws:// or wss:// with HOST:PORT/PATH, or unix:PATH. Several addresses, "
             "separated by blanks, are tried in turn; see round_robin.",
     .apply = addresses},
    {.name = "bridge_attempt_unsubscribe",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "true",
     .example = "false",
     .help = "On connect, unsubscribe from topics that only go out.",
     .apply = to_bridge<&BridgeSettings::attempt_unsubscribe>},
    {.name = "bridge_bind_address",
     .scope = Scope::bridge,
     .example = "192.0.2.1",
     .help = "Local address to connect from.",
     .apply = to_bridge<&BridgeSettings::bind_address>},
    {.name = "bridge_connections",
     .type = Type::integer,
     .scope = Scope::bridge,
     .minimum = 1,
     .maximum = 64,
     .default_text = "1",
     .example = "4",
     .help =
         "Connections to the remote broker, among which the topics are shared out. All messages of "
         "a topic cross by one connection, so that they keep their order. A topic that goes out "
         "belongs to a connection by a hash of its name; topic lines in or both belong to a "
         "connection each, those that overlap to the same one. Each connection has a session at "
         "either end: the second has \".2\" behind its client ids and its notification_topic. A "
         "change of it takes a restart, and so does one of the topics of such a bridge.",
     .apply = to_bridge<&BridgeSettings::connections>},
    {.name = "bridge_max_packet_size",
     .type = Type::integer,
     .scope = Scope::bridge,
     .maximum = 268435460,
     .default_text = "0",
     .example = "65536",
     .units = "bytes",
     .help = "Largest packet sent to the remote broker; 0 means no limit.",
     .apply = to_bridge<&BridgeSettings::max_packet_size_bytes>},
    {.name = "bridge_max_topic_alias",
     .type = Type::integer,
     .scope = Scope::bridge,
     .maximum = uint16_max,
     .default_text = "10",
     .help = "Topic aliases that a remote broker of 5.0 may use.",
     .apply = to_bridge<&BridgeSettings::max_topic_alias>},
    {.name = "bridge_outgoing_retain",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "true",
     .example = "false",
     .help = "Keep the retain flag on what is sent to the remote broker.",
     .apply = to_bridge<&BridgeSettings::outgoing_retain>},
    {.name = "bridge_path",
     .scope = Scope::bridge,
     .default_text = "/mqtt",
     .help = "Path of the WebSocket at the remote broker, where its address has none.",
     .apply = to_bridge<&BridgeSettings::path>},
    {.name = "bridge_protocol",
     .type = Type::choice,
     .scope = Scope::bridge,
     .choices = "mqtt websockets",
     .default_text = "mqtt",
     .example = "websockets",
     .help = "Protocol of addresses that are no URLs.",
     .apply = bridge_protocol},
    {.name = "bridge_protocol_version",
     .type = Type::choice,
     .scope = Scope::bridge,
     .choices = "mqttv31 mqttv311 mqttv50",
     .default_text = "mqttv311",
     .help =
         "MQTT version of the bridge. Between two brokers of 5.0 messages keep their properties.",
     .apply = protocol_version},
    {.name = "bridge_receive_maximum",
     .type = Type::integer,
     .scope = Scope::bridge,
     .minimum = 1,
     .maximum = uint16_max,
     .example = "20",
     .help = "Receive Maximum that a bridge of 5.0 announces.",
     .apply = to_bridge<&BridgeSettings::receive_maximum>},
    {.name = "bridge_reload_type",
     .type = Type::choice,
     .scope = Scope::bridge,
     .choices = "lazy immediate",
     .default_text = "lazy",
     .help = "Use new options at the next connect, or connect anew at once.",
     .apply = reload_type},
    {.name = "bridge_session_expiry_interval",
     .type = Type::integer,
     .scope = Scope::bridge,
     .maximum = uint32_max,
     .default_text = "0",
     .example = "3600",
     .units = "seconds",
     .help = "Session Expiry Interval of a bridge of 5.0. With cleansession false 0 means that the "
             "session never expires, as before 5.0.",
     .apply = to_bridge<&BridgeSettings::session_expiry_interval_seconds>},
    {.name = "bridge_tcp_keepalive",
     .type = Type::numbers,
     .scope = Scope::bridge,
     .minimum = 1,
     .maximum = uint16_max,
     .numbers_min = 3,
     .numbers_max = 3,
     .example = "600 30 5",
     .help = "TCP keepalive: seconds of silence before the first probe, seconds between probes, "
             "and how "
             "many go unanswered before the connection is lost.",
     .apply = tcp_keepalive},
    {.name = "bridge_tcp_user_timeout",
     .type = Type::integer,
     .scope = Scope::bridge,
     .maximum = int32_max,
     .example = "30000",
     .units = "milliseconds",
     .help = "TCP_USER_TIMEOUT.",
     .apply = to_bridge<&BridgeSettings::tcp_user_timeout_milliseconds>},
    {.name = "cleansession",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "false",
     .example = "true",
     .help = "Clean session on the remote side.",
     .apply = to_bridge<&BridgeSettings::cleansession>},
    {.name = "idle_timeout",
     .type = Type::integer,
     .scope = Scope::bridge,
     .maximum = int32_max,
     .default_text = "60",
     .units = "seconds",
     .help = "Silence after which a lazy bridge stops.",
     .apply = idle_timeout},
    {.name = "keepalive_interval",
     .type = Type::integer,
     .scope = Scope::bridge,
     .maximum = uint16_max,
     .default_text = "60",
     .units = "seconds",
     .help = "Time between pings.",
     .apply = keepalive_interval},
    {.name = "local_cleansession",
     .type = Type::flag,
     .scope = Scope::bridge,
     .example = "true",
     .help = "Clean session on the local side; as cleansession by default.",
     .apply = to_bridge<&BridgeSettings::local_cleansession>},
    {.name = "local_clientid",
     .scope = Scope::bridge,
     .example = "local.bridge",
     .help = "Client id in this broker; local. and remote_clientid by default.",
     .apply = to_bridge<&BridgeSettings::local_clientid>},
    {.name = "local_password",
     .scope = Scope::bridge,
     .example = "secret",
     .help = "Password towards this broker.",
     .apply = to_bridge<&BridgeSettings::local_password>},
    {.name = "local_username",
     .scope = Scope::bridge,
     .example = "bridge",
     .help = "Username towards this broker.",
     .apply = to_bridge<&BridgeSettings::local_username>},
    {.name = "notification_topic",
     .scope = Scope::bridge,
     .example = "bridge/state",
     .help = "Topic of the notifications. By default $SYS/broker/connection/ID/state, where ID is "
             "remote_clientid.",
     .apply = to_bridge<&BridgeSettings::notification_topic>},
    {.name = "notifications",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "true",
     .example = "false",
     .help = "Publish 1 while the bridge is connected and 0 while it is not, retained, at both "
             "brokers.",
     .apply = to_bridge<&BridgeSettings::notifications>},
    {.name = "notifications_local_only",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "false",
     .example = "true",
     .help = "Publish that in this broker only.",
     .apply = to_bridge<&BridgeSettings::notifications_local_only>},
    {.name = "remote_clientid",
     .aliases = "clientid",
     .scope = Scope::bridge,
     .example = "bridge",
     .help = "Client id at the remote broker. By default the name of this machine, a dot and that "
             "of the "
             "bridge.",
     .apply = to_bridge<&BridgeSettings::remote_clientid>},
    {.name = "remote_password",
     .aliases = "password",
     .scope = Scope::bridge,
     .example = "secret",
     .help = "Password at the remote broker.",
     .apply = to_bridge<&BridgeSettings::remote_password>},
    {.name = "remote_username",
     .aliases = "username",
     .scope = Scope::bridge,
     .example = "bridge",
     .help = "Username at the remote broker.",
     .apply = to_bridge<&BridgeSettings::remote_username>},
    {.name = "restart_timeout",
     .type = Type::numbers,
     .scope = Scope::bridge,
     .maximum = int32_max,
     .numbers_min = 1,
     .numbers_max = 2,
     .default_text = "5 30",
     .units = "seconds",
     .help =
         "Wait before connecting again: one constant, or base and cap of a backoff with jitter.",
     .apply = restart_timeout},
    {.name = "round_robin",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "false",
     .example = "true",
     .help =
         "With several addresses: true stays with the one that works; false goes back to the first "
         "as soon as it can be reached.",
     .apply = to_bridge<&BridgeSettings::round_robin>},
    {.name = "start_type",
     .type = Type::choice,
     .scope = Scope::bridge,
     .choices = "automatic lazy once",
     .default_text = "automatic",
     .help =
         "When the bridge connects: at start and again after each loss (automatic), when messages "
         "wait for it (lazy), or at start alone (once).",
     .apply = start_type},
    {.name = "threshold",
     .type = Type::integer,
     .scope = Scope::bridge,
     .maximum = int32_max,
     .default_text = "10",
     .help = "Queued messages that start a lazy bridge.",
     .apply = threshold},
    {.name = "topic",
     .type = Type::topic_mapping,
     .scope = Scope::bridge,
     .repeated = true,
     .example = "# out 0",
     .help = "Topics that cross the bridge: PATTERN, then out, in or both, QoS, local prefix and "
             "remote "
             "prefix. The prefix of one side is cut off and that of the other put in its place; an "
             "empty one is written \"\". An empty pattern maps one topic to another.",
     .apply = topic},
    {.name = "try_private",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "true",
     .example = "false",
     .help = "Tell the remote broker that this is a bridge.",
     .apply = to_bridge<&BridgeSettings::try_private>},
});

}  // namespace

std::span<const Option> bridge_option_rows() { return bridge_rows; }

}  // namespace conf
