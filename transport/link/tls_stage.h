// transport/link/tls_stage.h
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/wire/bytes.h"
#include "transport/link/link.h"
#include "transport/link/tls.h"
#include "transport/openssl.h"
#include "transport/tls_bytes.h"

namespace transport {

/// The client's end of one TLS connection: bytes in, bytes out, no socket.
///
/// Shape      handshake -> open -> ended, and failed from anywhere.
/// Lifetime   Stays where it is in memory.
/// Threads    None.
/// Source     RFC 8446, RFC 5246; the protocol is OpenSSL's.
class LinkTlsStage {
 public:
  enum class State : std::uint8_t {
    handshake,
    open,
    ended,   ///< the server said that it will send no more (close_notify)
    failed,  ///< fault() and why() say how
  };

  LinkTlsStage(std::shared_ptr<const LinkTls> tls, std::string host);
  ~LinkTlsStage() = default;
  LinkTlsStage(const LinkTlsStage&) = delete;
  LinkTlsStage& operator=(const LinkTlsStage&) = delete;

  /// Appends the first bytes of the handshake.
  void begin(mqtt::ByteBuffer& wire);
  /// Reads bytes, all of them: plain ones are appended to `plain`, answers of TLS to `wire`.
  void read(mqtt::Bytes bytes, mqtt::ByteBuffer& plain, mqtt::ByteBuffer& wire);
  /// Appends `plain` to `wire`, sealed. Bytes that can no longer be sealed are dropped: the end is
  /// known.
  void write(mqtt::Bytes plain, mqtt::ByteBuffer& wire);
  /// Appends close_notify, unless the handshake never ended.
  void close(mqtt::ByteBuffer& wire);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// `certificate` or `tls`, if it failed.
  [[nodiscard]] LinkFault fault() const noexcept { return fault_; }
  /// Why it failed, and a remedy: the end of a sentence.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  /// "TLSv1.3 cipher TLS_AES_256_GCM_SHA384"
  [[nodiscard]] std::string description() const;

 private:
  static int keep_refused(int good, X509_STORE_CTX* verification);
  void go_on(int result);
  void fail();
  void fail(LinkFault fault, std::string why);
  [[nodiscard]] std::string describe_trust() const;
  [[nodiscard]] std::string describe_alert(int reason) const;

  std::shared_ptr<const LinkTls> tls_;
  std::string host_;
  SslPtr ssl_;
  TlsBytes bytes_;          // of the call under way
  CertificatePtr refused_;  // the one of the server's chain that is not trusted
  std::string why_;
  LinkFault fault_ = LinkFault::none;
  State state_ = State::handshake;
};

}  // namespace transport
