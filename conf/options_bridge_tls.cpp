#include <array>
#include <string>

#include "conf/option_rows.h"

namespace conf {
namespace {

void bridge_tls_version(Settings& settings, Listener& /*listener*/, const Value& value) {
  settings.bridges.back().tls.tls1_3_only = std::get<std::string>(value) == "tlsv1.3";
}

constexpr auto bridge_tls_rows = std::to_array<Option>({
    {.name = "bridge_alpn",
     .scope = Scope::bridge,
     .example = "mqtt",
     .help = "ALPN protocol name to offer.",
     .apply = to_bridge_tls<&BridgeTls::alpn>},
    {.name = "bridge_cafile",
     .scope = Scope::bridge,
     .example = "/etc/darter/ca.crt",
     .help = "PEM CAs for the remote certificate; turns TLS on.",
     .apply = to_bridge_tls<&BridgeTls::cafile>},
    {.name = "bridge_capath",
     .scope = Scope::bridge,
     .example = "/etc/ssl/certs",
     .help = "Folder of such CAs; turns TLS on.",
     .apply = to_bridge_tls<&BridgeTls::capath>},
    {.name = "bridge_certfile",
     .scope = Scope::bridge,
     .example = "/etc/darter/bridge.crt",
     .help = "PEM client certificate.",
     .apply = to_bridge_tls<&BridgeTls::certfile>},
    {.name = "bridge_ciphers",
     .scope = Scope::bridge,
     .example = "DEFAULT",
     .help = "Cipher list for TLS 1.2.",
     .apply = to_bridge_tls<&BridgeTls::ciphers>},
    {.name = "bridge_ciphers_tls1.3",
     .scope = Scope::bridge,
     .example = "TLS_AES_128_GCM_SHA256",
     .help = "Cipher suites for TLS 1.3.",
     .apply = to_bridge_tls<&BridgeTls::ciphers_tls1_3>},
    {.name = "bridge_identity",
     .scope = Scope::bridge,
     .example = "identity",
     .help = "PSK identity; needs bridge_psk.",
     .apply = to_bridge_tls<&BridgeTls::identity>},
    {.name = "bridge_insecure",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "false",
     .example = "true",
     .help = "Do not check that the remote certificate matches the host name.",
     .apply = to_bridge_tls<&BridgeTls::insecure>},
    {.name = "bridge_keyfile",
     .scope = Scope::bridge,
     .example = "/etc/darter/bridge.key",
     .help = "PEM client key.",
     .apply = to_bridge_tls<&BridgeTls::keyfile>},
    {.name = "bridge_psk",
     .scope = Scope::bridge,
     .example = "0123abcd",
     .help = "PSK key in hex; needs bridge_identity.",
     .apply = to_bridge_tls<&BridgeTls::psk>},
    {.name = "bridge_require_ocsp",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "false",
     .example = "true",
     .help = "Refuse a remote broker that staples no good OCSP answer to its certificate.",
     .apply = to_bridge_tls<&BridgeTls::require_ocsp>},
    {.name = "bridge_tls_use_os_certs",
     .type = Type::flag,
     .scope = Scope::bridge,
     .default_text = "false",
     .example = "true",
     .help = "Turn TLS on and trust the system's CAs.",
     .apply = to_bridge_tls<&BridgeTls::use_os_certs>},
    {.name = "bridge_tls_version",
     .type = Type::choice,
     .scope = Scope::bridge,
     .choices = "tlsv1.2 tlsv1.3 tlsv1.1 tlsv1",
     .default_text = "tlsv1.2",
     .help = "Lowest TLS version.",
     .apply = bridge_tls_version},
});

}  // namespace

std::span<const Option> bridge_tls_option_rows() { return bridge_tls_rows; }

}  // namespace conf
