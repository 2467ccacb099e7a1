// transport/tls_stage.h
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "broker/core/ids.h"
#include "broker/wire/bytes.h"
#include "transport/connection.h"
#include "transport/handshake_queue.h"

namespace transport {

class Connections;
class Loop;

/// The stage of TLS, for all connections of one loop: decrypts, answers for TLS itself, and lets
/// only so many handshakes go on at a time.
///
/// Shape      may_read() -> read() as often as bytes come -> end(). A connection that has_to_wait()
///            is not read until admit() finds room for its handshake.
/// Lifetime   A part of Connections, which outlives it.
/// Threads    Its loop's only.
class TlsStage {
 public:
  TlsStage(Loop& loop, Connections& connections) : loop_(loop), connections_(connections) {}
  TlsStage(const TlsStage&) = delete;
  TlsStage& operator=(const TlsStage&) = delete;

  /// Decrypts. Returns the plain bytes, which stay where they are until the next read; all of
  /// `bytes` if the listener has no TLS.
  [[nodiscard]] std::span<std::byte> read(Connection& connection, std::span<std::byte> bytes);
  /// Ends a connection if its TLS has ended or failed; does nothing to others. It may have moved to
  /// another loop, with its TLS.
  void end(Connection& connection);

  /// Whether a connection may be read in this turn, as far as handshakes go.
  [[nodiscard]] bool may_read(const Connection& connection) const;
  /// Whether a connection stands before its TLS handshake, and has to wait for others' to end.
  [[nodiscard]] bool has_to_wait(const Connection& connection) const;
  void wait(broker::ConnectionId id) { queue_.wait(id); }
  /// Reads some of those that wait, as many as there are places.
  void admit();
  /// Keeps the count of handshakes right when a connection changes its state.
  void changed(State before, State after) noexcept {
    if (before == State::tls_handshake) queue_.end();
    if (after == State::tls_handshake) queue_.begin();
  }

 private:
  [[nodiscard]] bool start(Connection& connection, std::span<std::byte> bytes);
  [[nodiscard]] std::span<std::byte> decrypt(Connection& connection, std::span<std::byte> bytes);
  [[nodiscard]] bool reply(Connection& connection);
  void begin_inside(Connection& connection);

  Loop& loop_;
  Connections& connections_;
  HandshakeQueue queue_;
  std::unique_ptr<std::byte[]> plain_;  // the decrypted bytes of the read under way
  mqtt::ByteBuffer replies_;            // of TLS itself, to that read
};

}  // namespace transport
