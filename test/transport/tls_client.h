// test/transport/tls_client.h
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "test/transport/certificates.h"
#include "transport/openssl.h"

namespace transport {

/// How a client of a test speaks TLS.
struct TlsClientOptions {
  const TestCertificate* authority = nullptr;  // the one that it trusts; null: any
  const TestCertificate* certificate = nullptr;
  std::string host = {};                    // SNI; empty: none
  std::vector<std::string> protocols = {};  // ALPN
  std::string psk_identity = {};
  std::string psk = {};
  int version = 0;  // TLS1_2_VERSION and so on; 0: the highest of both
  bool ask_for_status = false;
  SSL_SESSION* session = nullptr;  // to resume
};

/// A TLS client without a socket.
class TlsClient {
 public:
  explicit TlsClient(const TlsClientOptions& options = {});

  /// Takes the server's bytes, and continues the handshake.
  void receive(std::string_view bytes);
  /// Bytes for the server.
  [[nodiscard]] std::string take();
  void write(std::string_view plain);
  /// Plain bytes that came so far.
  [[nodiscard]] std::string read();
  void close() { SSL_shutdown(ssl_.get()); }

  [[nodiscard]] bool connected() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  /// The error, in OpenSSL's words; empty if there is none.
  [[nodiscard]] const std::string& error() const { return error_; }
  /// Whether the server said that it will send no more.
  [[nodiscard]] bool ended() const {
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  [[nodiscard]] std::string protocol() const;
  [[nodiscard]] std::string peer_name() const;
  [[nodiscard]] std::string status() const;
  [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  [[nodiscard]] SSL_SESSION* session() const { return SSL_get1_session(ssl_.get()); }
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

 private:
  void step();

  TlsClientOptions options_;
  SslContextPtr context_;
  SslPtr ssl_;
  BIO* in_ = nullptr;   // the SSL's
  BIO* out_ = nullptr;  // the SSL's
  std::string plain_;
  std::string error_;
};

}  // namespace transport
