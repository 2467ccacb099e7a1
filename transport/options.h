// transport/options.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "transport/networks.h"

namespace transport {

/// The protocol of a listener's clients.
enum class Protocol : std::uint8_t {
  mqtt,
  websockets,  ///< MQTT in WebSockets; other HTTP requests are for handlers
  http,        ///< handlers only: no WebSocket opens, and no client reaches the shard
};

/// Whether the first bytes of a client are an HTTP request.
[[nodiscard]] constexpr bool speaks_http(Protocol protocol) noexcept {
  return protocol != Protocol::mqtt;
}

/// Which address families a listener without an address, or with a host name, is opened on.
enum class SocketDomain : std::uint8_t { any, ipv4, ipv6 };

/// Which header a proxy puts before everything else, see ProxyHeaderReader.
enum class ProxyVersion : std::uint8_t { none, v1, v2 };

/// Which header field of a proxy says where a client is, see forwarded_for().
enum class RealIpHeader : std::uint8_t { any, x_forwarded_for, x_real_ip, forwarded };

/// The use of a verified certificate or PSK identity.
enum class TlsUserName : std::uint8_t {
  none,
  identity,  ///< the certificate's CN, or the PSK identity, is the user name
  subject,   ///< the certificate's whole subject is the user name
};

struct TlsCertificateOptions {
  std::string certificate_file;  // PEM, with intermediate authorities behind it
  std::string key_file;          // PEM

  bool operator==(const TlsCertificateOptions&) const = default;
};

/// How a listener speaks TLS. Empty strings: no such file, or OpenSSL's default.
///
/// Shape      Either `certificates`, or `psk_file` with `psk_hint`.
struct TlsOptions {
  std::vector<TlsCertificateOptions> certificates;  // chosen by SNI; the first is the default
  std::vector<std::string> ocsp_files;              // DER; each is about one of the certificates
  std::string ca_file;                              // PEM: authorities of client certificates
  std::string ca_path;                              // the same as a hashed folder
  std::string crl_file;
  std::string psk_file;
  std::string psk_hint;
  std::string ciphers;         // of TLS 1.2
  std::string ciphers_tls1_3;  // of TLS 1.3
  std::string keylog_file;     // secrets are appended to it, for Wireshark
  TlsUserName user_name = TlsUserName::none;
  bool require_certificate = false;
  bool disable_client_cert_date_checks = false;
  bool tls1_3_only = false;
  bool session_tickets = true;
  bool refuse_open_secrets = true;  // a key that everybody may read is an error

  bool operator==(const TlsOptions&) const = default;
};

/// How many connections may come in, and how fast. 0: no limit.
///
/// Units      Rates are per second. A burst of 0: as many at once as in a second.
struct AdmissionOptions {
  std::uint32_t connections_per_address_max = 0;
  std::uint32_t rate = 0;  // of all addresses together
  std::uint32_t burst = 0;
  std::uint32_t rate_per_address = 0;
  std::uint32_t burst_per_address = 0;

  [[nodiscard]] bool is_on() const noexcept {
    return (connections_per_address_max | rate | rate_per_address) != 0;
  }
  [[nodiscard]] bool is_by_address() const noexcept {
    return (connections_per_address_max | rate_per_address) != 0;
  }
  bool operator==(const AdmissionOptions&) const = default;
};

/// When failed logins ban an address.
struct LoginBounds {
  std::uint32_t failures_max = 0;   // 0: never
  std::uint32_t time_seconds = 60;  // within which they count
  std::uint32_t ban_seconds = 300;
  bool operator==(const LoginBounds&) const = default;
};

/// One place where clients come in.
///
/// Shape      Exactly one of three: `loopback_only` (127.0.0.1 and ::1 on `port`; one of the two
///            may be missing on this machine), `unix_socket_path`, or `port` with `address`.
struct ListenerOptions {
  std::uint16_t index = 0;                // into ShardOptions::listeners
  std::uint16_t port = 1883;              // 0 without a path: any free port, see Listener::port()
  std::string address;                    // host name or address; empty: all addresses
  bool loopback_only = false;             // nothing is opened to the outside
  std::string unix_socket_path;           // empty: TCP
  std::uint32_t unix_socket_mode = 0770;  // of its file
  std::string unix_socket_owner;          // user, user:group or :group; empty: the process's
  std::string bind_interface;             // network device; empty: any
  SocketDomain socket_domain = SocketDomain::any;
  Protocol protocol = Protocol::mqtt;
  bool tls = false;                   // see Listener::set_tls()
  std::int64_t max_connections = -1;  // -1: no limit
  AdmissionOptions admission;

  // Behind proxies.

  ProxyVersion proxy_protocol = ProxyVersion::none;  // of the header that comes first
  bool only_trusted_proxies = false;                 // may send that header; or every peer
  bool proxy_must_name_client = false;               // of version 2: it must name the client
  bool proxy_requires_tls = false;                   // the header must say that the client used TLS
  bool proxy_requires_certificate = false;           // and had a good certificate
  bool proxy_names_user = false;                     // by the common name of that certificate
  /// The proxies with trusted header fields about clients, on a WebSocket listener.
  Networks trusted_proxies;
  RealIpHeader real_ip_header = RealIpHeader::any;

  // For Protocol::websockets only.

  std::string http_path;                               // the only path for upgrades; empty: any
  std::vector<std::string> websockets_origins;         // exact Origin values; empty: any
  bool origin_required = true;                         // if there are such values
  std::uint32_t websockets_headers_bytes_max = 8192;   // request line and headers of an upgrade
  std::uint32_t websockets_ping_interval_seconds = 0;  // 0: the broker sends no pings
  std::string http_dir;                                // files served over HTTP; empty: none

  bool operator==(const ListenerOptions&) const = default;
};

/// Whether two are bound to the same place, whatever their other options are.
[[nodiscard]] inline bool same_place(const ListenerOptions& one, const ListenerOptions& other) {
  return one.port == other.port && one.address == other.address &&
         one.loopback_only == other.loopback_only &&
         one.unix_socket_path == other.unix_socket_path &&
         one.bind_interface == other.bind_interface && one.socket_domain == other.socket_domain;
}

/// Bounds for the requests of all handlers of HTTP together. The bounds for all connections hold
/// for them, too: handshake_timeout until a request is whole, websockets_headers_bytes_max for its
/// head, and Closing's for a client that does not take its answer.
struct HttpLimits {
  std::size_t open_max = 256;                            // requests of a loop; more get 503
  std::uint32_t answer_milliseconds = 30'000;            // for an answer, and between two pieces
  std::size_t piece_bytes_max = std::size_t{16} << 10U;  // of an answer, in memory
  std::size_t turn_bytes_max = std::size_t{1} << 20U;    // of all pieces in a turn of a loop

  bool operator==(const HttpLimits&) const = default;
};

/// The options of all loops.
///
/// TCP_NODELAY is no option: output leaves once per turn in one write, so Nagle's algorithm could
/// only add delay.
struct LoopOptions {
  std::int64_t global_max_connections = -1;  // -1: no limit
  std::uint64_t open_files_max = 0;          // of the process; 0: not known
  bool connection_messages = true;           // log each connection
  bool refuse_silently = false;  // close without an answer above max_connections and similar limits
  std::uint32_t handshake_timeout_seconds = 30;
  LoginBounds logins;
  std::uint8_t address_prefix_ipv6_bits = 64;      // addresses that share them count as one
  std::uint64_t login_bytes_per_address_max = 0;   // before logins are answered; 0: no limit
  Networks limits_exempt;                          // of limits that are kept by address
  std::uint32_t stop_timeout_milliseconds = 5000;  // for output that is on its way at the end
  HttpLimits http;

  bool operator==(const LoopOptions&) const = default;
};

}  // namespace transport
