// transport/link/tls.h
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "transport/descriptor.h"
#include "transport/openssl.h"

namespace transport {

/// How TLS is spoken as a client. Empty strings: none, or OpenSSL's default.
///
/// Shape      Authorities, with or without a certificate of our own; or `psk_identity` with
///            `psk_key`, which take the place of certificates on both sides.
struct LinkTlsOptions {
  std::string ca_file{};  // PEM: the authorities that are trusted
  std::string ca_path{};  // the same as a hashed folder
  /// The system's authorities are trusted as well. They are in any case if there are no others.
  bool system_authorities = false;
  std::string certificate_file{};  // PEM, with intermediate authorities behind it
  std::string key_file{};          // PEM, without a passphrase
  std::string psk_identity{};
  std::string psk_key{};            // hexadecimal
  std::vector<std::string> alpn{};  // protocols, in order: "mqtt", "x-amzn-mqtt-ca"
  std::string server_name{};        // for SNI and the host name check; empty: the host
  std::string ciphers{};            // of TLS 1.2
  std::string ciphers_tls1_3{};     // of TLS 1.3
  bool tls1_3_only = false;
  /// False: a certificate of another host is accepted (Mosquitto's `insecure`).
  bool check_host_name = true;
  /// False: any certificate at all is accepted, the host's name included.
  bool check_certificate = true;
  /// A server that staples no good OCSP answer to its certificate is refused.
  bool require_ocsp = false;
  /// Secrets of connections are appended to this file, for tools that show what is sent: for
  /// debugging only.
  std::string keylog_file{};

  bool operator==(const LinkTlsOptions&) const = default;
};

/// The basis of TLS handshakes as a client: authorities, certificate and key, read from files.
///
/// Lifetime   Immutable: loaded once, shared by all links that go to one place; a reload makes a
///            new one. Reading the system's authorities takes tens of milliseconds: not for each
///            connection.
/// Threads    Any.
class LinkTls {
 public:
  /// Reads all files.
  ///
  /// Errors    One sentence without its full stop, that names the file and a remedy.
  [[nodiscard]] static std::expected<std::shared_ptr<const LinkTls>, std::string> load(
      const LinkTlsOptions& options);

  [[nodiscard]] const LinkTlsOptions& options() const noexcept { return options_; }
  /// Checks that the options switch off. One sentence each, without its full stop, to be said
  /// before the first connection.
  [[nodiscard]] std::vector<std::string> warnings() const;

  /// The name that the certificate of a host has to have: `server_name`, or the host.
  [[nodiscard]] const std::string& name_of(const std::string& host) const noexcept;
  /// A connection in the client's role to a host, without BIOs; null: out of memory, or a host that
  /// can be no name.
  [[nodiscard]] SslPtr make_ssl(const std::string& host) const;

 private:
  LinkTls(LinkTlsOptions options, SslContextPtr context)
      : options_(std::move(options)), context_(std::move(context)) {}

  /// Opens the file of secrets, and has them written to it.
  [[nodiscard]] std::expected<void, std::string> open_keylog();

  LinkTlsOptions options_;
  SslContextPtr context_;
  Descriptor keylog_;  // if there is such a file
};

}  // namespace transport
