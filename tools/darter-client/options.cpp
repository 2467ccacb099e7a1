#include "tools/darter-client/options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tools/darter-client/option_values.h"

namespace shell {
namespace {

constexpr unsigned pub = std::to_underlying(Tool::pub);
constexpr unsigned sub = std::to_underlying(Tool::sub);
constexpr unsigned rr = std::to_underlying(Tool::rr);
constexpr unsigned sends = pub | rr;
constexpr unsigned receives = sub | rr;
constexpr unsigned any = pub | sub | rr;

using Kind = Option::Kind;
using Text = const std::string&;

/// Keeps the value of an option in a part of the settings.
template <auto part, auto member>
Fault keep(Settings& settings, Text value) {
  settings.*part.*member = value;
  return std::nullopt;
}
template <auto member>
Fault keep(Settings& settings, Text value) {
  settings.*member = value;
  return std::nullopt;
}
template <auto part, auto member>
Fault raise(Settings& settings, Text) {
  settings.*part.*member = true;
  return std::nullopt;
}
template <auto member>
Fault raise(Settings& settings, Text) {
  settings.*member = true;
  return std::nullopt;
}
template <Source source>
Fault send(Settings& settings, Text value) {
  return values::source(settings, source, value);
}

constexpr auto S = &Settings::security;
constexpr auto R = &Settings::reach;
constexpr auto W = &Settings::will;
constexpr auto P = &Settings::style;

constexpr auto table = std::to_array<Option>({
    // The broker.
    {Kind::value, any, "-h", "--host", "HOST", "-h argument given but no host specified.",
     keep<R, &Reach::host>, "the broker's name or address (localhost)"},
    {Kind::value, any, "-p", "--port", "PORT", "-p argument given but no port specified.",
     values::port, "its port (1883, with TLS 8883)"},
    {Kind::flag, any, "-S", "", "", "", raise<R, &Reach::uses_srv>,
     "-h is a domain, and its SRV records (_mqtt._tcp, with TLS _secure-mqtt._tcp) name the"
     " brokers and their ports; without -h the domain of this machine"},
    {Kind::value, any, "-L", "--url", "URL", "-L argument given but no URL specified.", values::url,
     "host, port, user, password and topic at once: mqtt://[USER[:PASSWORD]@]HOST[:PORT]/TOPIC;"
     " also mqtts, ws and wss; or unix:PATH, with -t"},
    {Kind::value, any, "", "--unix", "PATH", "--unix argument given but no socket path specified.",
     keep<R, &Reach::unix_path>, "connect to a Unix socket"},
    {Kind::value, any, "", "--protocol", "NAME",
     "--protocol argument given but no protocol specified.", values::protocol,
     "mqtt, or websockets: MQTT over WebSocket"},
    {Kind::flag, any, "", "--ws", "", "",
     [](Settings& settings, Text) { return values::protocol(settings, "websockets"); },
     "the same as --protocol websockets"},
    {Kind::value, any, "", "--ws-path", "PATH", "--ws-path argument given but no path specified.",
     values::ws_path, "the path of the WebSocket's URL (/mqtt)"},
    {Kind::value, any, "", "--ws-header", "'NAME: VALUE'",
     "--ws-header argument given but no header specified.", values::ws_header,
     "one more header of the WebSocket's request, such as Origin; may be repeated"},
    {Kind::value, any, "", "--proxy", "URL", "--proxy argument given but no proxy url specified.",
     keep<R, &Reach::proxy>,
     "connect through a proxy: socks5h://[USER[:PASSWORD]@]HOST[:PORT] (port 1080), or http:// with"
     " CONNECT (port 3128)"},
    {Kind::value, any, "-A", "", "ADDRESS", "-A argument given but no address specified.",
     keep<R, &Reach::bind_address>, "the address of this machine to connect from"},
    {Kind::flag, any, "", "--nodelay", "", "", raise<R, &Reach::no_delay>,
     "send small packets at once (TCP_NODELAY)"},
    {Kind::value, any, "-V", "--protocol-version", "VERSION",
     "--protocol-version argument given but no version specified.", values::protocol_version,
     "mqttv5 (5), mqttv311 (311) or mqttv31 (31); by default 5, and 3.1.1 if the broker"
     " does not know 5"},
    {Kind::value, any, "-k", "--keepalive", "SECONDS",
     "-k argument given but no keepalive specified.", values::keep_alive, "keep alive (60)"},
    // Identity.
    {Kind::value, any, "-i", "--id", "ID", "-i argument given but no id specified.",
     values::client_id, "the client identifier; by default the broker chooses one"},
    {Kind::value, any, "-I", "--id-prefix", "PREFIX",
     "-I argument given but no id prefix specified.", values::client_id_prefix,
     "a client identifier of this and the process number"},
    {Kind::value, any, "-u", "--username", "NAME", "-u argument given but no username specified.",
     keep<&Settings::user_name>, "the user's name"},
    {Kind::value, any, "-P", "--pw", "PASSWORD", "-P argument given but no password specified.",
     keep<&Settings::password>, "the user's password, where others on this machine see it"},
    {Kind::value, any, "", "--pw-file", "FILE", "--pw-file argument given but no file specified.",
     values::password_file, "the password is the first line of a file"},
    {Kind::value, any, "", "--pw-fd", "NUMBER",
     "--pw-fd argument given but no descriptor specified.", values::password_descriptor,
     "the password is the first line of an open descriptor"},
    {Kind::flag, any, "-c", "--disable-clean-session", "", "",
     [](Settings& settings, Text) -> Fault {
       settings.clean = false;
       return std::nullopt;
     },
     "keep the session of the client identifier"},
    {Kind::value, any, "-x", "", "SECONDS",
     "-x argument given but no session expiry interval specified.", values::session_expiry,
     "how long the broker keeps the session; -1: for ever (with -c: -1, else 0)"},
    // The message.
    {Kind::value, any, "-t", "--topic", "TOPIC", "-t argument given but no topic specified.",
     values::topic, "the topic; darter-sub: a filter, may be repeated"},
    {Kind::value, rr, "-e", "", "TOPIC", "-e argument given but no response topic specified.",
     values::response_topic, "the topic on which the response comes"},
    {Kind::value, any, "-q", "--qos", "QOS", "-q argument given but no QoS specified.", values::qos,
     "0, 1 or 2 (0)"},
    {Kind::value, sends, "-m", "--message", "TEXT", "-m argument given but no message specified.",
     send<Source::argument>, "the message"},
    {Kind::flag, sends, "-n", "--null-message", "", "", send<Source::empty>,
     "a message without payload"},
    {Kind::value, sends, "-f", "--file", "FILE", "-f argument given but no file specified.",
     send<Source::file>, "the message is a whole file"},
    {Kind::flag, sends, "-s", "--stdin-file", "", "", send<Source::standard_input>,
     "the message is all of standard input"},
    {Kind::flag, pub, "-l", "--stdin-line", "", "", send<Source::lines>,
     "each line of standard input is a message"},
    {Kind::flag, pub, "-r", "--retain", "", "", raise<&Settings::retain>,
     "the broker keeps the message for later subscribers"},
    {Kind::value, pub, "", "--repeat", "N", "--repeat argument given but no count specified.",
     values::repeat, "send the message N times"},
    {Kind::value, pub, "", "--repeat-delay", "SECONDS",
     "--repeat-delay argument given but no time specified.", values::repeat_delay,
     "wait between two of them (0)"},
    {Kind::value, any, "-M", "", "N", "-M argument given but max_inflight not specified.",
     values::inflight_max, "messages with QoS 1 and 2 on their way at once (20)"},
    {Kind::property, any, "-D", "--property", "PACKET NAME VALUE", "", nullptr,
     "a property of MQTT 5.0 in a packet: connect, publish, subscribe, unsubscribe, disconnect or"
     " will; a user-property has a name in front of its value"},
    // Receiving.
    {Kind::value, sub, "-C", "", "N", "-C argument given but no count specified.",
     values::message_count, "end after N messages"},
    {Kind::value, receives, "-W", "", "SECONDS", "-W argument given but no timeout specified.",
     values::timeout, "end after so many seconds, with status 27"},
    {Kind::flag, sub, "-E", "", "", "", raise<&Settings::exit_after_subscribe>,
     "end as soon as the broker has acknowledged the subscriptions"},
    {Kind::value, sub, "-T", "--filter-out", "FILTER",
     "-T argument given but no topic filter specified.", values::filter_out,
     "do not print messages of these topics; may be repeated"},
    {Kind::value, sub, "-U", "--unsubscribe", "FILTER",
     "-U argument given but no unsubscribe topic specified.", values::unsubscribe,
     "unsubscribe from topics; may be repeated"},
    {Kind::flag, receives, "-R", "", "", "",
     [](Settings& settings, Text) -> Fault {
       settings.skip_retained = true;
       return values::retain_handling(settings, "never");
     },
     "leave retained messages out"},
    {Kind::flag, receives, "", "--retain-as-published", "", "",
     raise<&Settings::retain_as_published>, "show the retain flag as the publisher set it"},
    {Kind::value, receives, "", "--retain-handling", "WHEN",
     "--retain-handling argument given but no option specified.", values::retain_handling,
     "retained messages: always, new (for a new subscription) or never"},
    {Kind::flag, sub, "", "--retained-only", "", "", raise<&Settings::retained_only>,
     "print retained messages, and end with the first other one"},
    {Kind::flag, sub, "", "--remove-retained", "", "", raise<&Settings::remove_retained>,
     "remove from the broker the retained messages that come"},
    {Kind::value, sub, "", "--random-filter", "PERCENT",
     "--random-filter argument given but no chance specified.", values::random_filter,
     "print so many of a hundred messages, at random"},
    // Output.
    {Kind::value, receives, "-F", "", "FORMAT", "-F argument given but no format specified.",
     values::format, "how messages are printed: see FORMATS in the manual page"},
    {Kind::flag, receives, "-v", "--verbose", "", "", raise<P, &PlainStyle::verbose>,
     "print the topic in front of each message"},
    {Kind::flag, receives, "-N", "", "", "",
     [](Settings& settings, Text) -> Fault {
       settings.style.line_end = false;
       return std::nullopt;
     },
     "no line end after a message"},
    {Kind::flag, receives, "", "--pretty", "", "", raise<&Settings::pretty>,
     "print JSON on several lines"},
    {Kind::flag, sub, "", "--watch", "", "", raise<&Settings::watch>,
     "a table of topics, rates and newest messages that refreshes"},
    {Kind::flag, sub, "-w", "", "", "", raise<&Settings::fixed_lines>,
     "print the messages of each topic on a line of its own"},
    {Kind::flag, sub, "", "--message-rate", "", "", raise<&Settings::message_rate>,
     "print each second how many messages came, and nothing else"},
    {Kind::flag, rr, "", "--latency", "", "",
     [](Settings& settings, Text) -> Fault {
       settings.latency = settings.reach.no_delay = true;
       return std::nullopt;
     },
     "print how long the response took"},
    {Kind::flag, any, "-d", "--debug", "", "", raise<&Settings::debug>, "print the packets"},
    {Kind::flag, any, "", "--quiet", "", "", raise<&Settings::quiet>, "print no errors"},
    // The will.
    {Kind::value, any, "", "--will-topic", "TOPIC",
     "--will-topic argument given but no will topic specified.", values::will_topic,
     "the broker publishes there if this client vanishes"},
    {Kind::value, any, "", "--will-payload", "TEXT",
     "--will-payload argument given but no will payload specified.",
     keep<W, &WillSettings::payload>, "the message of the will"},
    {Kind::value, any, "", "--will-qos", "QOS",
     "--will-qos argument given but no will QoS specified.", values::will_qos, "its QoS (0)"},
    {Kind::flag, any, "", "--will-retain", "", "", raise<W, &WillSettings::retain>,
     "the broker keeps the will"},
    // TLS.
    {Kind::value, any, "", "--cafile", "FILE", "--cafile argument given but no file specified.",
     keep<S, &Security::ca_file>, "TLS; certificates of authorities to trust"},
    {Kind::value, any, "", "--capath", "DIR",
     "--capath argument given but no directory specified.", keep<S, &Security::ca_path>,
     "TLS; a folder of them, such as /etc/ssl/certs"},
    {Kind::flag, any, "", "--tls-use-os-certs", "", "", raise<S, &Security::os_store>,
     "TLS; trust what this machine trusts (the default with mqtts, wss and port 8883)"},
    {Kind::value, any, "", "--cert", "FILE", "--cert argument given but no file specified.",
     keep<S, &Security::certificate>, "this client's certificate"},
    {Kind::value, any, "", "--key", "FILE", "--key argument given but no file specified.",
     keep<S, &Security::key>, "its private key"},
    {Kind::value, any, "", "--keyform", "FORM",
     "--keyform argument given but no keyform specified.", keep<S, &Security::key_form>,
     "pem: the one form that is supported"},
    {Kind::value, any, "", "--ciphers", "LIST",
     "--ciphers argument given but no ciphers specified.", keep<S, &Security::ciphers>,
     "the ciphers, as OpenSSL names them"},
    {Kind::value, any, "", "--tls-version", "VERSION",
     "--tls-version argument given but no version specified.", keep<S, &Security::version>,
     "the least version: tlsv1.3 or tlsv1.2"},
    {Kind::value, any, "", "--tls-alpn", "NAME",
     "--tls-alpn argument given but no protocol specified.", keep<S, &Security::alpn>,
     "the protocol to ask for (ALPN), such as mqtt"},
    {Kind::value, any, "", "--tls-keylog", "FILE",
     "--tls-keylog argument given but no file specified.", keep<S, &Security::keylog_file>,
     "append the secrets of TLS to a file, with which Wireshark can read the connection"},
    {Kind::flag, any, "", "--insecure", "", "", raise<S, &Security::insecure>,
     "do not check whose certificate the broker has: anyone may listen; for tests only"},
    {Kind::flag, any, "", "--no-tls", "", "", raise<S, &Security::off>,
     "no TLS, whatever the other options say"},
    {Kind::value, any, "", "--psk", "HEX", "--psk argument given but no key specified.",
     keep<S, &Security::psk>, "TLS with a key that both sides have (TLS-PSK)"},
    {Kind::value, any, "", "--psk-identity", "NAME",
     "--psk-identity argument given but no identity specified.", keep<S, &Security::psk_identity>,
     "the name of that key"},
    {Kind::value, any, "", "--tls-engine", "NAME",
     "--tls-engine argument given but no engine_id specified.", keep<S, &Security::engine>,
     "refused: engines are not supported"},
    {Kind::value, any, "", "--tls-engine-kpass-sha1", "HEX",
     "--tls-engine-kpass-sha1 argument given but no kpass sha1 specified.",
     keep<S, &Security::engine_password>, "refused: engines are not supported"},
    // The tool.
    {Kind::options_file, any, "-o", "", "FILE",
     "-o argument given but no options file specified.", nullptr,
     "read options from this file, an option each line, instead of the usual one"},
    {Kind::help, any, "", "--help", "", "", nullptr, "print this"},
    {Kind::version, any, "", "--version", "", "", nullptr, "print the version"},
});

}  // namespace

std::span<const Option> options() { return table; }

const Option* option_named(Tool tool, std::string_view name) {
  const auto found = std::ranges::find_if(table, [&](const Option& option) {
    return !name.empty() && (option.short_name == name || option.long_name == name) &&
           (option.tools & std::to_underlying(tool)) != 0;
  });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace shell
