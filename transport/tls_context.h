// transport/tls_context.h
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "transport/openssl.h"
#include "transport/options.h"
#include "transport/tls_credentials.h"
#include "transport/tls_terms.h"

namespace transport {

/// The basis of a listener's TLS handshakes: keys, certificates and rules, read from files.
///
/// Shape      One SSL_CTX for each certificate; the first is for clients that name no host, or one
///            that no certificate is for (SNI). Without certificates it is TLS-PSK.
/// Invariant  TLS 1.2 and 1.3 only; no compression, no renegotiation. Keys fit their certificates.
/// Lifetime   Immutable; a reload makes a new one, and connections keep that of their handshake.
/// Threads    Any: the loops share it.
class TlsContext {
 public:
  /// Reads all files.
  ///
  /// Errors    One sentence without its full stop, that names the file and a remedy: a file
  ///           that is missing, damaged, or a secret that everybody may read; a key that is not the
  ///           certificate's; ciphers that OpenSSL does not know; an OCSP response about none of
  ///           the certificates.
  [[nodiscard]] static std::expected<std::shared_ptr<const TlsContext>, std::string> load(
      const TlsOptions& options, Protocol protocol);
  ~TlsContext() = default;
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// A connection in the server's role, without BIOs.
  [[nodiscard]] SslPtr make_ssl() const;

  [[nodiscard]] const TlsOptions& options() const noexcept { return options_; }
  [[nodiscard]] Protocol protocol() const noexcept { return credentials_.protocol; }

  /// When the first of the server's certificates ends, in seconds since 1970. Nothing: TLS-PSK.
  [[nodiscard]] std::optional<std::int64_t> ends() const;

  /// Faults of the files, present and near: certificates that ended or end within 14 days or have
  /// not begun, revocation lists and OCSP responses that are out of date. One sentence each,
  /// without its full stop.
  [[nodiscard]] std::vector<std::string> warnings(std::int64_t now_seconds) const {
    return terms_.warnings(now_seconds);
  }

  /// Every file that was read, to be watched for changes.
  [[nodiscard]] std::vector<std::string> files() const;

 private:
  TlsContext(TlsOptions options, Protocol protocol);
  [[nodiscard]] std::expected<void, std::string> load_files();
  [[nodiscard]] std::expected<CertificateStorePtr, std::string> load_authorities();
  [[nodiscard]] std::expected<void, std::string> add_revocation_lists(X509_STORE* store);
  [[nodiscard]] std::expected<void, std::string> add_certificate(const TlsCertificateOptions& files,
                                                                 X509_STORE* store);
  [[nodiscard]] std::expected<void, std::string> use_certificate(SSL_CTX* context,
                                                                 const TlsCertificateOptions& files,
                                                                 TlsCertificate& into);
  [[nodiscard]] std::expected<SslContextPtr, std::string> make_context(X509_STORE* store);
  [[nodiscard]] std::expected<void, std::string> ask_for_certificates(SSL_CTX* context) const;
  void set_tickets(SSL_CTX* context) const;
  [[nodiscard]] std::expected<void, std::string> add_staples();
  [[nodiscard]] std::expected<void, std::string> open_keylog();

  TlsOptions options_;
  TlsCredentials credentials_;
  TlsTerms terms_;
};

}  // namespace transport
