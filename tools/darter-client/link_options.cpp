#include "tools/darter-client/link_options.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "transport/link/tls.h"

namespace shell {
namespace {

constexpr std::uint16_t mqtts_port = 8883;
constexpr std::uint16_t https_port = 443;

std::unexpected<std::string> link_fault(std::string text) {
  return std::unexpected("Error: " + std::move(text) + "\n");
}

/// Faults that Mosquitto's tools find when they set TLS up.
std::expected<void, std::string> check_tls(const Security& security) {
  if (!security.engine.empty()) {
    return link_fault("Problem setting TLS engine, is " + security.engine + " a valid engine?");
  }
  if (!security.key_form.empty() && security.key_form != "pem") {
    return link_fault("Problem setting key form, it must be one of 'pem' or 'engine'.");
  }
  const std::string& version = security.version;
  if (!version.empty() && version != "tlsv1.2" && version != "tlsv1.3") {
    return link_fault("Problem setting TLS options, check the options are valid.");
  }
  return {};
}

std::expected<std::shared_ptr<const transport::LinkTls>, std::string> load_tls(
    const Security& security) {
  if (const auto checked = check_tls(security); !checked) return std::unexpected(checked.error());
  transport::LinkTlsOptions options;
  options.ca_file = security.ca_file;
  options.ca_path = security.ca_path;
  options.system_authorities = security.os_store;
  options.certificate_file = security.certificate;
  options.key_file = security.key;
  options.psk_identity = security.psk_identity;
  options.psk_key = security.psk;
  if (!security.alpn.empty()) options.alpn.push_back(security.alpn);
  options.ciphers = security.ciphers;
  options.tls1_3_only = security.version == "tlsv1.3";
  options.check_host_name = options.check_certificate = !security.insecure;
  options.keylog_file = security.keylog_file;
  auto loaded = transport::LinkTls::load(options);
  if (!loaded) return link_fault("Problem setting TLS options: " + loaded.error() + ".");
  return std::move(*loaded);
}

std::uint16_t port_of(const Settings& settings) {
  if (settings.reach.port) return *settings.reach.port;
  const Security& security = settings.security;
  const bool own = !security.ca_file.empty() || !security.ca_path.empty() || !security.psk.empty();
  return own ? mqtts_port : std::uint16_t{1883};
}

/// A scheme of --proxy, and the port of its proxies.
struct ProxyScheme {
  std::string_view prefix;
  transport::LinkProxy::Kind kind;
  std::uint16_t port;
};
constexpr auto proxy_schemes = std::to_array<ProxyScheme>({
    {"socks5h://", transport::LinkProxy::Kind::socks, 1080},
    {"http://", transport::LinkProxy::Kind::http, 3128},
});

std::expected<void, std::string> check_socks(const transport::LinkOptions& options) {
  constexpr std::size_t most = transport::socks_text_bytes_max;
  const transport::LinkProxy& proxy = *options.proxy;
  if (proxy.user_name.value_or("").size() > most || proxy.password.size() > most) {
    return link_fault("Invalid proxy: a user name or a password of SOCKS5 has 255 bytes at most.");
  }
  if (options.address.host.size() > most) {
    return link_fault("Invalid host: a name for a SOCKS5 proxy has 255 bytes at most.");
  }
  return {};
}

std::expected<void, std::string> set_proxy(const std::string& url,
                                           transport::LinkOptions& options) {
  if (url.empty()) return {};
  const auto* const scheme = std::ranges::find_if(
      proxy_schemes, [&](const ProxyScheme& known) { return url.starts_with(known.prefix); });
  if (scheme == proxy_schemes.end()) {
    return std::unexpected("Error: Unsupported proxy protocol: " + url +
                           "\nTry socks5h://HOST:PORT or http://HOST:PORT.\n");
  }
  // Without its scheme it is an address like a broker's.
  auto parsed = transport::LinkAddress::parse(url.substr(scheme->prefix.size()), scheme->port);
  if (!parsed) return link_fault("Invalid proxy: " + parsed.error() + ".");
  options.proxy = {.host = parsed->host,
                   .port = parsed->port,
                   .user_name = parsed->user_name,
                   .password = parsed->password.value_or(""),
                   .kind = scheme->kind};
  return scheme->kind == transport::LinkProxy::Kind::socks ? check_socks(options)
                                                           : std::expected<void, std::string>();
}

void set_websocket(const Reach& reach, transport::LinkWebSocket& websocket) {
  websocket.path = reach.ws_path;
  for (const std::string& header : reach.ws_headers) {
    const auto colon = header.find(':');
    const auto value = header.find_first_not_of(' ', colon + 1);
    websocket.fields.emplace_back(header.substr(0, colon),
                                  value == std::string::npos ? "" : header.substr(value));
  }
}

transport::LinkScheme scheme_of(const Settings& settings) {
  using enum transport::LinkScheme;
  if (!settings.reach.unix_path.empty()) return unix_socket;
  const bool tls = has_tls(settings);
  if (settings.reach.carrier == Carrier::websockets) return tls ? wss : ws;
  return tls ? mqtts : mqtt;
}

}  // namespace

bool has_tls(const Settings& settings) noexcept {
  const Security& security = settings.security;
  if (security.off || !settings.reach.unix_path.empty()) return false;
  const auto port = settings.reach.port;
  return !security.ca_file.empty() || !security.ca_path.empty() || !security.psk.empty() ||
         security.os_store || port == mqtts_port || port == https_port;
}

transport::LinkAddress link_address(const Settings& settings) {
  transport::LinkAddress address;
  address.scheme = scheme_of(settings);
  address.host = settings.reach.host;
  address.port = port_of(settings);
  address.path = settings.reach.unix_path;
  return address;
}

std::expected<transport::LinkOptions, std::string> link_options(const Settings& settings) {
  transport::LinkOptions options;
  options.address = link_address(settings);
  options.uses_srv = settings.reach.uses_srv;
  // No -h: the domain of this machine.
  if (options.uses_srv && options.address.host == "localhost") options.address.host.clear();
  options.socket.bind_address = settings.reach.bind_address;
  set_websocket(settings.reach, options.websocket);
  if (auto set = set_proxy(settings.reach.proxy, options); !set) {
    return std::unexpected(std::move(set).error());
  }
  if (has_tls(settings)) {
    auto tls = load_tls(settings.security);
    if (!tls) return std::unexpected(std::move(tls).error());
    options.tls = std::move(*tls);
  }
  return options;
}

}  // namespace shell
