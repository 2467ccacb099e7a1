#include <array>
#include <cstdint>

#include "conf/option_rows.h"

namespace conf {
namespace {

/// 0 asks for the default, as in Mosquitto.
void headers_size(Settings& settings, Listener& /*listener*/, const Value& value) {
  const std::int64_t bytes = std::get<std::int64_t>(value);
  if (bytes > 0) settings.websockets_headers_size_bytes = static_cast<std::uint32_t>(bytes);
}

void persistence_durability(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.persistence_relaxed = std::get<std::string>(value) == "relaxed";
}

void persistence_damaged(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.persistence_refuse_damaged = std::get<std::string>(value) == "refuse";
}

constexpr auto global_rows = std::to_array<Option>({
    // Messages.
    {.name = "queue_qos0_messages",
     .type = Type::flag,
     .default_text = "false",
     .help = "Also keep messages of QoS 0 for sessions whose client is away.",
     .apply = to_settings<&Settings::queue_qos0_messages>},
    {.name = "upgrade_outgoing_qos",
     .type = Type::flag,
     .default_text = "false",
     .help = "Deliver at the QoS of the subscription even if the message came with a lower one.",
     .apply = to_settings<&Settings::upgrade_outgoing_qos>},
    {.name = "allow_duplicate_messages",
     .type = Type::flag,
     .default_text = "true",
     .help = "Where subscriptions overlap, deliver once for each of them (before 5.0) or once for "
             "the client.",
     .apply = to_settings<&Settings::allow_duplicate_messages>},
    {.name = "retain_available",
     .type = Type::flag,
     .default_text = "true",
     .help = "Keep retained messages; if not, a retained publish ends the connection.",
     .apply = to_settings<&Settings::retain_available>},
    {.name = "check_retain_source",
     .type = Type::flag,
     .default_text = "true",
     .help = "Before a retained message is delivered, check that its publisher may still write to "
             "the topic.",
     .apply = to_settings<&Settings::check_retain_source>},
    {.name = "retain_expiry_interval",
     .type = Type::integer,
     .minimum = 1,
     .maximum = 10'000'000,
     .example = "60",
     .units = "minutes",
     .availability = Availability::ignored,
     .note = "a retained message is removed when it expires",
     .help = "Time between sweeps that remove expired retained messages."},
    {.name = "persistent_client_expiration",
     .type = Type::duration,
     .example = "14d",
     .help = "Drop the sessions of clients that stayed away this long; never by default.",
     .apply = to_settings<&Settings::persistent_client_expiration_seconds>},

    // The process.
    {.name = "threads",
     .type = Type::integer,
     .maximum = 1024,
     .default_text = "0",
     .zero_word = "auto",
     .reloadable = false,
     .help = "Event loops, each with a thread of its own; auto (or 0) means one for each core.",
     .apply = to_settings<&Settings::threads>},
    {.name = "set_tcp_nodelay",
     .type = Type::flag,
     .default_text = "false",
     .help = "Send small packets at once (TCP_NODELAY).",
     .apply = to_settings<&Settings::set_tcp_nodelay>},
    {.name = "sys_interval",
     .type = Type::integer,
     .maximum = uint16_max,
     .default_text = "10",
     .units = "seconds",
     .help = "Time between updates of the $SYS topics; 0 turns them off.",
     .apply = to_settings<&Settings::sys_interval_seconds>},
    {.name = "tls_reload_interval",
     .type = Type::integer,
     .maximum = uint16_max,
     .default_text = "0",
     .units = "seconds",
     .help =
         "Look so often whether certificates, keys, CAs, CRLs or PSKs changed on disk, and take "
         "them over as SIGHUP does; 0 never looks.",
     .apply = to_settings<&Settings::tls_reload_interval_seconds>},
    {.name = "websockets_headers_size",
     .type = Type::integer,
     .maximum = uint16_max,
     .default_text = "8192",
     .units = "bytes",
     .help = "Most bytes that the headers of a WebSocket upgrade may have.",
     .apply = headers_size},
    {.name = "packet_buffer_size",
     .type = Type::integer,
     .maximum = uint16_max,
     .default_text = "4096",
     .units = "bytes",
     .availability = Availability::ignored,
     .note = "connections share one read buffer; websockets_headers_size bounds the headers of an "
             "upgrade",
     .help = "Size of the network read buffer in Mosquitto."},
    {.name = "pid_file",
     .example = "/run/darter.pid",
     .reloadable = false,
     .help = "Write the process id here at start and remove the file at exit. Started as root, the "
             "broker follows a symbolic link to this or a log file only in folders that root alone "
             "can change, unless MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is in the environment.",
     .apply = to_settings<&Settings::pid_file>},
    {.name = "control_group",
     .example = "adm",
     .help = "A group of the system: its members may use the commands that ask the running broker, "
             "such as 'darter clients', 'darter kick' and '--reload', as root and the broker's "
             "user may. They need to be able to read the configuration. It is asked for by its "
             "name each time, so a change of the group holds at once.",
     .apply = to_settings<&Settings::control_group>},
    {.name = "user",
     .last_counts = true,
     .default_text = "mosquitto",
     .reloadable = false,
     .help = "Whom to become when started as root; root stays root. Without such a user it is "
             "nobody.",
     .apply = to_settings<&Settings::user>},
    {.name = "include_dir",
     .type = Type::folder,
     .repeated = true,
     .example = "/etc/darter/conf.d",
     .help = "Read every *.conf file of this folder in alphabetical order, here and now; in "
             "darter.toml every *.toml file, too. Each may have either form."},

    // State on disk.
    {.name = "persistence",
     .aliases = "retained_persistence",
     .type = Type::flag,
     .default_text = "false",
     .reloadable = false,
     .help = "Keep sessions, subscriptions, queued and retained messages on disk.",
     .apply = to_settings<&Settings::persistence>},
    {.name = "persistence_location",
     .example = "/var/lib/darter/",
     .reloadable = false,
     .help = "Folder of the database, darter.db, and of the backups that administrators ask for on "
             "the status page.",
     .apply = to_settings<&Settings::persistence_location>},
    {.name = "persistence_file",
     .default_text = "mosquitto.db",
     .reloadable = false,
     .help = "Name of the database in that folder. With mosquitto.db it is darter.db, and if "
             "Mosquitto's own is there, and darter.db is not yet, what it holds is taken over. A "
             "name of your own is darter's database; if a file of Mosquitto's has it already, "
             "that is taken over and stays, and darter's is NAME.darter.",
     .apply = to_settings<&Settings::persistence_file>},
    {.name = "persistence_durability",
     .type = Type::choice,
     .choices = "commit relaxed",
     .default_text = "commit",
     .reloadable = false,
     .help = "commit: what is acknowledged is on disk. relaxed: it will be within a second.",
     .apply = persistence_durability},
    {.name = "persistence_damaged",
     .type = Type::choice,
     .choices = "set_aside refuse",
     .default_text = "set_aside",
     .reloadable = false,
     .help = "What to do with a damaged database at start: rename it and begin empty, or not "
             "start.",
     .apply = persistence_damaged},
    {.name = "autosave_interval",
     .type = Type::integer,
     .minimum = -int32_max,
     .maximum = int32_max,
     .default_text = "1800",
     .units = "seconds",
     .availability = Availability::ignored,
     .note = "what is acknowledged is on disk already; see persistence_durability",
     .help = "Time between saves of Mosquitto's database file."},
    {.name = "autosave_on_changes",
     .type = Type::flag,
     .default_text = "false",
     .availability = Availability::ignored,
     .note = "what is acknowledged is on disk already; see persistence_durability",
     .help = "Count changes instead of seconds for autosave_interval."},

    // No effect, or not yet.
    {.name = "retry_interval",
     .type = Type::integer,
     .maximum = int32_max,
     .default_text = "20",
     .units = "seconds",
     .availability = Availability::ignored,
     .note = "messages are sent again when a client comes back, as the specification says",
     .help = "No longer has an effect."},
    {.name = "websockets_log_level",
     .type = Type::integer,
     .maximum = int32_max,
     .default_text = "0",
     .availability = Availability::ignored,
     .note = "it belongs to libwebsockets, which is not used here; see log_type websockets",
     .help = "Log mask of libwebsockets."},
    {.name = "enable_control_api",
     .type = Type::flag,
     .default_text = "false",
     .example = "true",
     .availability = Availability::lacking,
     .note = "there is no control API here; below $CONTROL clients get the answers of a broker "
             "without it",
     .help = "Serve the $CONTROL/broker/v1 topic."},
    {.name = "plugin",
     .aliases = "auth_plugin",
     .scope = Scope::plugin,
     .repeated = true,
     .example = "/usr/lib/plugin.so",
     .reloadable = false,
     .availability = Availability::not_built_in,
     .help = "Load a plugin."},
    {.name = "global_plugin",
     .scope = Scope::plugin,
     .repeated = true,
     .example = "/usr/lib/plugin.so",
     .reloadable = false,
     .availability = Availability::not_built_in,
     .help = "Load a plugin for every listener."},
    {.name = "plugin_load",
     .scope = Scope::plugin,
     .repeated = true,
     .example = "name /usr/lib/plugin.so",
     .reloadable = false,
     .availability = Availability::not_built_in,
     .help = "Load a plugin under a name."},
    {.name = "plugin_opt_*",
     .aliases = "auth_opt_*",
     .scope = Scope::plugin,
     .repeated = true,
     .example = "value",
     .availability = Availability::not_built_in,
     .help = "Key and value for the plugin named last before it."},
    {.name = "auth_plugin_deny_special_chars",
     .type = Type::flag,
     .scope = Scope::plugin,
     .default_text = "true",
     .example = "false",
     .availability = Availability::not_built_in,
     .help = "Refuse clients with + or # in their username or client id before asking a plugin."},
});

}  // namespace

std::span<const Option> global_option_rows() { return global_rows; }

}  // namespace conf
