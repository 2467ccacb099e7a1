#include "transport/tls_stage.h"

#include <utility>

#include "transport/connections.h"
#include "transport/loop.h"
#include "transport/tls.h"

namespace transport {

namespace {

/// Answers of TLS itself (to key updates) that may wait for a client that does not read.
constexpr std::size_t tls_replies_bytes_max = std::size_t{64} << 10U;

/// Whether the next bytes may be the first ones of TLS: a PROXY protocol header may bring them.
bool may_bring_tls(const Connection& connection) noexcept {
  return connection.state == State::tls_due ||
         (connection.state == State::proxy_header && connection.listener->options().tls);
}

}  // namespace

bool TlsStage::has_to_wait(const Connection& connection) const {
  return may_bring_tls(connection) && queue_.is_full();
}

bool TlsStage::may_read(const Connection& connection) const {
  if (connection.state > State::tls_handshake) return true;
  if (connection.state != State::tls_handshake && !may_bring_tls(connection)) return true;
  return !has_to_wait(connection) && queue_.has_time(loop_.turns().number());
}

void TlsStage::admit() {
  queue_.admit([this](broker::ConnectionId id) {
    Connection* const connection = connections_.find(id);
    if (connection == nullptr || is_reading(*connection) || !may_bring_tls(*connection))
      return false;
    connections_.reader().start(*connection);
    return true;
  });
}

/// Returns false if there is nothing more to do with those bytes.
bool TlsStage::start(Connection& connection, std::span<std::byte> bytes) {
  if (connection.state != State::tls_due) return false;  // a plain client that was sent away
  if (connections_.reader().refuse_wrong_protocol(connection, bytes)) return false;
  connection.tls = std::make_unique<TlsFilter>(connection.listener->tls());
  connections_.change(connection, State::tls_handshake);
  return true;
}

std::span<std::byte> TlsStage::read(Connection& connection, std::span<std::byte> bytes) {
  if (bytes.empty() || !connection.listener->options().tls) return bytes;
  if (connection.tls == nullptr && !start(connection, bytes)) return {};
  const std::span<std::byte> plain = decrypt(connection, bytes);
  if (!reply(connection)) return {};
  const TlsFilter::State state = connection.tls->state();
  if (connection.state == State::tls_handshake && state != TlsFilter::State::handshake &&
      state != TlsFilter::State::failed) {
    begin_inside(connection);
  }
  return plain;
}

/// Decrypts; the plain bytes stay in place until the next read.
std::span<std::byte> TlsStage::decrypt(Connection& connection, std::span<std::byte> bytes) {
  constexpr std::size_t plain_bytes = Reader::buffer_bytes + TlsFilter::held_bytes_max;
  if (plain_ == nullptr) plain_ = std::make_unique_for_overwrite<std::byte[]>(plain_bytes);
  const bool handshake = connection.state == State::tls_handshake;
  const std::uint64_t before = handshake ? uv_hrtime() : 0;
  replies_.clear();
  const std::span<std::byte> plain =
      connection.tls->read(bytes, {plain_.get(), plain_bytes}, replies_);
  if (handshake) queue_.spend(loop_.turns().number(), uv_hrtime() - before);
  return plain;
}

/// Sends the replies of TLS itself. Returns false if the connection is lost.
bool TlsStage::reply(Connection& connection) {
  if (replies_.empty()) return true;
  if (connection.pending != nullptr) {
    connection.pending->tls_replies_bytes += replies_.size();
    if (connection.pending->tls_replies_bytes > tls_replies_bytes_max) {
      connections_.note(connection, broker::Event::protocol_error, "Connection from ",
                        " closed: it updates TLS keys and does not read.");
      connections_.lose(connection, broker::CloseCause::protocol_error);
      return false;
    }
  }
  if (connections_.writer().write_sealed(connection, replies_.view())) return true;
  connections_.lose(connection, broker::CloseCause::connection_lost);
  return false;
}

/// The handshake is done: WebSocket or MQTT follows.
void TlsStage::begin_inside(Connection& connection) {
  if (loop_.commons().log.enabled(broker::LogType::debug)) {
    loop_.commons().log.write(broker::LogType::debug,
                              "Client " + connection.address.text_with_port() + " negotiated " +
                                  connection.tls->description() +
                                  (connection.tls->resumed() ? ", resumed." : "."));
  }
  if (connection.trace != nullptr) {
    connections_.tracer().note(connection, "TLS handshake done: " + connection.tls->description());
  }
  connections_.change(connection, State::http_request);
  if (connection.charge.as == ConnectionCharge::As::turned_away) {
    return connections_.arrivals().tell_refusal(connection, connection.charge.refusal);
  }
  if (connection.listener->options().protocol == Protocol::mqtt) connections_.introduce(connection);
}

/// Ends a connection after its TLS has ended or failed; does nothing to others. It may have moved
/// to another loop, with its TLS.
void TlsStage::end(Connection& connection) {
  if (connection.tls == nullptr || connection.state == State::closed) return;
  const TlsFilter& tls = *connection.tls;
  if (tls.state() == TlsFilter::State::ended) {
    if (is_closing(connection.state)) return;  // output under way may still be read
    connections_.writer().end_tls(connection);
    return connections_.lose(connection, broker::CloseCause::peer_closed);
  }
  if (tls.state() != TlsFilter::State::failed) return;
  if (is_lingering(connection.state)) return connections_.destroy(connection);
  if (is_closing(connection.state)) return connections_.change(connection, State::rejected);
  if (connection.state == State::tls_handshake) {
    ++loop_.counts().tls_failures[static_cast<std::size_t>(tls.failure())];
  }
  connections_.arrivals().note_refusal(
      connection, broker::Refusal::tls_handshake, "Connection from ",
      std::string(connection.state == State::tls_handshake ? " closed: TLS handshake failed: "
                                                           : " closed: TLS failed: ") +
          tls.why() + ".");
  connections_.forget(connection, broker::CloseCause::protocol_error);
  connections_.change(connection, State::rejected);
  connections_.finish(connection);
}

}  // namespace transport
