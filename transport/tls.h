// transport/tls.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/openssl.h"
#include "transport/tls_bytes.h"
#include "transport/tls_context.h"
#include "transport/tls_failure.h"

namespace transport {

/// The server's end of one TLS connection: bytes in, bytes out, no socket.
///
/// Shape      handshake -> open -> ended, and failed from anywhere.
///            OpenSSL reads from and writes to the caller's own memory through a BIO of ours: a
///            byte is copied once on its way in, and once on its way out, besides its cipher.
/// Invariant  Between two calls it holds at most one unfinished record (16 KiB); nothing of that
///            kind at a record's border, where an idle connection is.
/// Lifetime   Stays where it is in memory; its owner (a unique_ptr) moves with the connection from
///            loop to loop. Keeps its context, however often others are loaded.
/// Threads    None.
/// Source     RFC 8446, RFC 5246; the protocol is OpenSSL's.
class TlsFilter {
 public:
  enum class State : std::uint8_t {
    handshake,
    open,
    ended,   ///< the client said that it will send no more (close_notify)
    failed,  ///< why() says how; an alert may be among the replies
  };

  explicit TlsFilter(std::shared_ptr<const TlsContext> context);
  ~TlsFilter();
  TlsFilter(const TlsFilter&) = delete;
  TlsFilter& operator=(const TlsFilter&) = delete;

  /// The size that the place for plain bytes needs beyond that of the bytes read: an unfinished
  /// record may be held.
  static constexpr std::size_t held_bytes_max = std::size_t{17} << 10U;

  /// Reads the next bytes, all of them. After an end or a failure nothing is read any more.
  ///
  /// Requires  `place` of at least bytes.size() + held_bytes_max.
  /// Returns   The plain bytes, at the start of `place`; also those before an end or a failure.
  ///           `replies` gets the replies of TLS itself: they go out before anything else.
  [[nodiscard]] std::span<std::byte> read(mqtt::Bytes bytes, std::span<std::byte> place,
                                          mqtt::ByteBuffer& replies);

  /// Appends `plain` to `to`, sealed in records of 16 KiB and a last shorter one.
  ///
  /// Returns   False if that is impossible: it failed, or close() was called.
  [[nodiscard]] bool write(mqtt::Bytes plain, mqtt::ByteBuffer& to);

  /// Appends close_notify, once, unless the handshake never ended or the connection failed.
  void close(mqtt::ByteBuffer& to);

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Why it failed, as the end of a sentence.
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  /// The same in one word. Requires State::failed.
  [[nodiscard]] TlsFailure failure() const noexcept { return failure_; }
  /// The user name that the client proved, if the context's options ask for one and it did. CN and
  /// PSK identity as they are, a subject as RFC 2253 writes it.
  [[nodiscard]] std::optional<std::string> user_name() const;
  /// Why user_name() is nothing, for the log: a static text. Empty if no name is asked for.
  [[nodiscard]] std::string_view missing_name() const noexcept;
  /// "TLSv1.3 cipher TLS_AES_256_GCM_SHA384"
  [[nodiscard]] std::string description() const;
  /// Whether the handshake was a short one, thanks to a ticket.
  [[nodiscard]] bool resumed() const noexcept;

  /// For the context: which key is being used.
  void set_psk_identity(std::string_view identity) { psk_identity_ = identity; }

 private:
  [[nodiscard]] bool go_on(int error);
  void fail();

  std::shared_ptr<const TlsContext> context_;
  SslPtr ssl_;
  TlsBytes bytes_;  // of the call under way
  std::string psk_identity_;
  std::string why_;
  State state_ = State::handshake;
  TlsFailure failure_ = TlsFailure::other;
};

/// Packs the pieces of one turn's output into as few records as they fit in.
///
/// Lifetime   For one go; finish() ends it.
class TlsRecords {
 public:
  TlsRecords(TlsFilter& filter, mqtt::ByteBuffer& to) noexcept : filter_(filter), to_(to) {}
  TlsRecords(const TlsRecords&) = delete;
  TlsRecords& operator=(const TlsRecords&) = delete;

  void put(mqtt::Bytes bytes);
  /// Returns   False if the filter could not seal all of it.
  [[nodiscard]] bool finish();

 private:
  static constexpr std::size_t record_bytes = std::size_t{16} << 10U;

  void seal(mqtt::Bytes bytes) { good_ = good_ && filter_.write(bytes, to_); }

  TlsFilter& filter_;
  mqtt::ByteBuffer& to_;
  std::size_t size_ = 0;  // of the plain bytes that wait in record_
  bool good_ = true;
  std::array<std::byte, record_bytes> record_;
};

}  // namespace transport
