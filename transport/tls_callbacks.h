// transport/tls_callbacks.h
#pragma once

#include "transport/openssl.h"
#include "transport/tls_credentials.h"

namespace transport {

/// OpenSSL's callbacks during a handshake.
///
/// Shape      A context that calls them has TlsCredentials as its data: see set_credentials(). The
///            connections of on_psk() have their TlsFilter as theirs.
/// Threads    The loop's of the connection, several at a time.
struct TlsCallbacks {
  static void set_credentials(SSL_CTX* context, const TlsCredentials& credentials);

  /// Several certificates: the one that is for the host which the client asks for (RFC 6066).
  static int on_server_name(SSL* ssl, int* alert, void* nothing);
  /// ALPN (RFC 7301). Unknown names do no harm: some clients send those of their
  /// cloud. A browser on a port for MQTT is sent away, so that no page can make it talk to us.
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                     const unsigned char* in, unsigned in_size, void* nothing);
  /// The OCSP response of the TlsCertificate `certificate`, which was chosen, as long as it is
  /// fresh.
  static int on_status(SSL* ssl, void* certificate);
  static unsigned on_psk(SSL* ssl, const char* identity, unsigned char* place, unsigned place_size);
  /// disable_client_cert_date_checks: of the client's own certificate, not of its authorities'.
  static int on_verify(int good, X509_STORE_CTX* verification);
  /// Seals a ticket, or opens one.
  static int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                       EVP_MAC_CTX* mac, int sealing);
  /// Appends a secret to the key log, for debugging.
  static void on_secret(const SSL* ssl, const char* line);
};

}  // namespace transport
