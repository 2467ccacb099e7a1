// transport/tls_setup.h
#pragma once

#include <expected>
#include <string>

#include "transport/openssl.h"
#include "transport/tls_files.h"

namespace transport {

// The steps of preparing TLS that are the same for a server and a client. Their errors are one
// sentence without its full stop, with the file or the option and a remedy.

/// Adds the authorities of a file in PEM form and of a hashed folder; empty: none.
[[nodiscard]] std::expected<void, std::string> add_authorities(X509_STORE* store,
                                                               const std::string& file,
                                                               const std::string& path);

/// Reads a certificate with its intermediate authorities and its key, and uses them.
///
/// Returns   The certificates that were read.
[[nodiscard]] std::expected<CertificateChain, std::string> use_key_pair(
    SSL_CTX* context, const std::string& certificate_file, const std::string& key_file,
    Secrecy secrecy);

/// Sets the ciphers of TLS 1.2 and of TLS 1.3; empty: OpenSSL's default.
[[nodiscard]] std::expected<void, std::string> set_ciphers(SSL_CTX* context,
                                                           const std::string& list,
                                                           const std::string& suites);

}  // namespace transport
