#pragma once

#include <cstddef>
#include <memory>
#include <openssl/ssl.h>
#include <optional>
#include <span>

#include "broker/wire/bytes.h"

namespace bench {

/// The common part of the TLS connections of one load: no certificate is checked, and no session is
/// resumed, so that every handshake is a full one.
class TlsClient {
 public:
  TlsClient();
  [[nodiscard]] SSL_CTX* context() const noexcept { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
};

/// The client's side of one TLS connection: bytes in, bytes out.
///
/// Shape      The handshake begins by itself: replies() has something to send from the start.
class TlsStream {
 public:
  explicit TlsStream(const TlsClient& client);

  /// Takes bytes of the socket and undoes their records.
  ///
  /// Requires  `plain` has room for as many bytes, and for a record of 16 KiB.
  /// Returns   How many came out. Nothing if the peer broke the protocol or ended it.
  [[nodiscard]] std::optional<std::size_t> read(mqtt::Bytes sealed, std::span<std::byte> plain);
  /// Makes records of bytes. Requires is_ready().
  void write(mqtt::Bytes plain);
  /// Appends the sealed output.
  void take_output(mqtt::ByteBuffer& out);
  /// Is the handshake done?
  [[nodiscard]] bool is_ready() const noexcept { return SSL_is_init_finished(ssl_.get()) != 0; }

 private:
  struct Free {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace bench
