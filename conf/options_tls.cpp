#include <array>
#include <string>

#include "conf/option_rows.h"

namespace conf {
namespace {

void tls_version(Settings& /*settings*/, Listener& listener, const Value& value) {
  listener.tls.tls1_3_only = std::get<std::string>(value) == "tlsv1.3";
}

void real_ip_header(Settings& /*settings*/, Listener& listener, const Value& value) {
  const auto& name = std::get<std::string>(value);
  listener.real_ip_header = name == "X-Forwarded-For" ? RealIpHeader::x_forwarded_for
                            : name == "X-Real-IP"     ? RealIpHeader::x_real_ip
                            : name == "Forwarded"     ? RealIpHeader::forwarded
                                                      : RealIpHeader::any;
}

void trusted_proxies(Settings& /*settings*/, Listener& listener, const Value& value) {
  for (const std::string_view each : words_of(std::get<std::string>(value))) {
    listener.trusted_proxies.emplace_back(each);
  }
}

constexpr auto tls_rows = std::to_array<Option>({
    // TLS, and options about it.
    {.name = "certfile",
     .scope = Scope::listener,
     .repeated = true,
     .example = "/etc/darter/server.crt",
     .help = "PEM server certificate, with intermediate ones behind it; with keyfile it turns TLS "
             "on. Several, each with its keyfile in the same order, are chosen by the host name "
             "that a client asks for (SNI); the first is for all others.",
     .apply = to_tls<&TlsSettings::certfiles>},
    {.name = "keyfile",
     .scope = Scope::listener,
     .repeated = true,
     .example = "/etc/darter/server.key",
     .help = "PEM private key, without a passphrase. See world_readable_secrets.",
     .apply = to_tls<&TlsSettings::keyfiles>},
    {.name = "ocsp_file",
     .scope = Scope::listener,
     .repeated = true,
     .example = "/etc/darter/server.ocsp",
     .help = "OCSP response in DER form, sent to clients with the certificate that it is about.",
     .apply = to_tls<&TlsSettings::ocsp_files>},
    {.name = "cafile",
     .scope = Scope::listener,
     .last_counts = true,
     .example = "/etc/darter/ca.crt",
     .help = "PEM file of CAs that client certificates are checked against.",
     .apply = to_tls<&TlsSettings::cafile>},
    {.name = "capath",
     .scope = Scope::listener,
     .last_counts = true,
     .example = "/etc/darter/ca",
     .help = "Folder of such CAs, hashed as OpenSSL wants it.",
     .apply = to_tls<&TlsSettings::capath>},
    {.name = "crlfile",
     .scope = Scope::listener,
     .last_counts = true,
     .example = "/etc/darter/ca.crl",
     .help = "PEM revocation list for client certificates.",
     .apply = to_tls<&TlsSettings::crlfile>},
    {.name = "require_certificate",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "false",
     .example = "true",
     .help = "Clients must present a valid certificate.",
     .apply = to_tls<&TlsSettings::require_certificate>},
    {.name = "disable_client_cert_date_checks",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "false",
     .example = "true",
     .help = "Accept client certificates that are expired or not yet valid.",
     .apply = to_tls<&TlsSettings::disable_client_cert_date_checks>},
    {.name = "use_identity_as_username",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "false",
     .example = "true",
     .help = "Take the certificate's CN, or the PSK identity, as username; no password is asked "
             "for, and who has no certificate is refused.",
     .apply = to_tls<&TlsSettings::use_identity_as_username>},
    {.name = "use_subject_as_username",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "false",
     .example = "true",
     .help = "Take the certificate's whole subject as username, as in CN=name,O=firm; no password "
             "is asked for, and who has no certificate is refused.",
     .apply = to_tls<&TlsSettings::use_subject_as_username>},
    {.name = "tls_version",
     .type = Type::choice,
     .scope = Scope::listener,
     .choices = "tlsv1.2 tlsv1.3 tlsv1.1 tlsv1",
     .default_text = "tlsv1.2",
     .help = "Lowest TLS version. Older ones than 1.2 are broken: there it is 1.2, with a notice.",
     .apply = tls_version},
    {.name = "tls_session_tickets",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "true",
     .help = "Let clients resume a TLS session within one to two hours, which saves most of a "
             "handshake.",
     .apply = to_tls<&TlsSettings::session_tickets>},
    {.name = "ciphers",
     .scope = Scope::listener,
     .last_counts = true,
     .example = "DEFAULT",
     .help = "Cipher list for TLS 1.2.",
     .apply = to_tls<&TlsSettings::ciphers>},
    {.name = "ciphers_tls1.3",
     .scope = Scope::listener,
     .last_counts = true,
     .example = "TLS_AES_128_GCM_SHA256",
     .help = "Cipher suites for TLS 1.3.",
     .apply = to_tls<&TlsSettings::ciphers_tls1_3>},
    {.name = "dhparamfile",
     .scope = Scope::listener,
     .example = "/etc/darter/dh.pem",
     .availability = Availability::ignored,
     .note = "TLS libraries choose these parameters themselves now",
     .help = "No longer needed."},
    {.name = "psk_hint",
     .scope = Scope::listener,
     .example = "hint",
     .help =
         "Hint sent to clients; turns TLS-PSK on, with the keys of psk_file and no certificate.",
     .apply = to_tls<&TlsSettings::psk_hint>},
    {.name = "tls_engine",
     .scope = Scope::listener,
     .example = "pkcs11",
     .availability = Availability::refused,
     .note = "OpenSSL 3 gives engines up; use a key in a file, see keyfile",
     .help = "OpenSSL engine to use."},
    {.name = "tls_engine_kpass_sha1",
     .scope = Scope::listener,
     .example = "da39a3ee5e6b4b0d3255bfef95601890afd80709",
     .availability = Availability::refused,
     .note = "it is about engines, which OpenSSL 3 gives up; use a key in a file, see keyfile",
     .help = "Hex SHA-1 of the password of the engine's key."},
    {.name = "tls_keyform",
     .type = Type::choice,
     .scope = Scope::listener,
     .choices = "pem engine",
     .default_text = "pem",
     .availability = Availability::ignored,
     .note = "keys are always in files here",
     .help = "Where the key lives. Engines are not supported."},
    {.name = "enable_proxy_protocol",
     .aliases = "proxy_protocol",
     .type = Type::integer,
     .scope = Scope::listener,
     .minimum = 1,
     .maximum = 2,
     .example = "2",
     .help = "Expect a PROXY protocol header of this version before everything else, and take the "
             "client's address from it. With 2 and without certfile, require_certificate and "
             "use_identity_as_username are about the certificate that the proxy says it has "
             "verified. See trusted_proxies.",
     .apply = to_listener<&Listener::proxy_protocol>},
    {.name = "proxy_protocol_v2_require_tls",
     .type = Type::flag,
     .scope = Scope::listener,
     .default_text = "false",
     .example = "true",
     .help = "Refuse connections whose PROXY header does not say that the client used TLS.",
     .apply = to_listener<&Listener::proxy_protocol_requires_tls>},
    {.name = "trusted_proxies",
     .type = Type::networks,
     .scope = Scope::listener,
     .repeated = true,
     .default_text = "127.0.0.0/8 ::1 unix",
     .help = "Whose X-Forwarded-For, X-Real-IP or Forwarded header is believed on WebSocket "
             "listeners: the client is the rightmost address that is not among these. Where it is "
             "set, only these may connect to a listener with enable_proxy_protocol.",
     .apply = trusted_proxies},
    {.name = "real_ip_header",
     .type = Type::choice,
     .scope = Scope::listener,
     .choices = "any X-Forwarded-For X-Real-IP Forwarded",
     .default_text = "any",
     .help =
         "The header of a WebSocket's request in which trusted_proxies name the client. Name the "
         "one that the proxy sets: others it may pass on from clients. With any, a header that "
         "was missing in a request of that proxy counts for nothing beside one that was always "
         "there, and of headers that name different clients none is believed.",
     .apply = real_ip_header},
    {.name = "plugin_use",
     .scope = Scope::listener,
     .repeated = true,
     .example = "name",
     .availability = Availability::not_built_in,
     .help = "Attach a plugin that plugin_load loaded."},
});

}  // namespace

std::span<const Option> tls_option_rows() { return tls_rows; }

}  // namespace conf
