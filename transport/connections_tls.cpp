// TLS below WebSocket and MQTT: the part of Connections that opens and ends it.

#include <utility>

#include "transport/connections.h"
#include "transport/loop.h"

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

/// Whether a connection stands before its TLS handshake, and has to wait for others' to end.
bool Connections::waits_for_handshakes(const Connection& connection) const {
  return may_bring_tls(connection) && handshake_queue_.is_full();
}

bool Connections::may_handshake(const Connection& connection) const {
  if (connection.state > State::tls_handshake) return true;
  if (connection.state != State::tls_handshake && !may_bring_tls(connection)) return true;
  return !waits_for_handshakes(connection) && handshake_queue_.has_time(loop_.turn());
}

/// Reads some of those that wait, as many as there are places.
void Connections::admit_to_handshakes() {
  handshake_queue_.admit([this](broker::ConnectionId id) {
    Connection* const connection = table_.find(id);
    if (connection == nullptr || is_reading(*connection) || !may_bring_tls(*connection))
      return false;
    listen_to(*connection);
    return true;
  });
}

/// Returns false if there is nothing more to do with those bytes.
bool Connections::start_tls(Connection& connection, Bytes bytes) {
  if (connection.state != State::tls_due) return false;  // a plain client that was sent away
  if (refuse_wrong_protocol(connection, bytes)) return false;
  connection.tls = std::make_unique<TlsFilter>(connection.listener->tls());
  change(connection, State::tls_handshake);
  return true;
}

/// The stage of TLS.
Connections::Bytes Connections::read_tls(Connection& connection, Bytes bytes) {
  if (bytes.empty() || !connection.listener->options().tls) return bytes;
  if (connection.tls == nullptr && !start_tls(connection, bytes)) return {};
  const Bytes plain = open_records(connection, bytes);
  if (!reply_tls(connection)) return {};
  const TlsFilter::State state = connection.tls->state();
  if (connection.state == State::tls_handshake && state != TlsFilter::State::handshake &&
      state != TlsFilter::State::failed) {
    begin_inside_tls(connection);
  }
  return plain;
}

/// Decrypts; the plain bytes stay in place until the next read.
Connections::Bytes Connections::open_records(Connection& connection, Bytes bytes) {
  constexpr std::size_t plain_bytes = buffer_bytes + TlsFilter::held_bytes_max;
  if (plain_ == nullptr) plain_ = std::make_unique_for_overwrite<std::byte[]>(plain_bytes);
  const bool handshake = connection.state == State::tls_handshake;
  const std::uint64_t before = handshake ? uv_hrtime() : 0;
  tls_replies_.clear();
  const Bytes plain = connection.tls->read(bytes, {plain_.get(), plain_bytes}, tls_replies_);
  if (handshake) handshake_queue_.spend(loop_.turn(), uv_hrtime() - before);
  return plain;
}

/// Sends the replies of TLS itself. Returns false if the connection is lost.
bool Connections::reply_tls(Connection& connection) {
  if (tls_replies_.empty()) return true;
  if (connection.pending != nullptr) {
    connection.pending->tls_replies_bytes += tls_replies_.size();
    if (connection.pending->tls_replies_bytes > tls_replies_bytes_max) {
      note(connection, "Connection from ", " closed: it updates TLS keys and does not read.");
      lose(connection, broker::CloseCause::protocol_error);
      return false;
    }
  }
  if (writer_.write_sealed(connection, tls_replies_.view())) return true;
  lose(connection, broker::CloseCause::connection_lost);
  return false;
}

/// The handshake is done: WebSocket or MQTT follows.
void Connections::begin_inside_tls(Connection& connection) {
  if (loop_.log().enabled(broker::LogType::debug)) {
    loop_.log().write(broker::LogType::debug, "Client " + connection.address.text_with_port() +
                                                  " negotiated " + connection.tls->description() +
                                                  (connection.tls->resumed() ? ", resumed." : "."));
  }
  change(connection, State::http_request);
  if (connection.charge.as == ConnectionCharge::As::turned_away) {
    return tell_refusal(connection, connection.charge.refusal);
  }
  if (connection.listener->options().protocol == Protocol::mqtt) introduce(connection);
}

/// Ends a connection after its TLS has ended or failed; does nothing to others. It may have moved
/// to another loop, with its TLS.
void Connections::end_tls(Connection& connection) {
  if (connection.tls == nullptr || connection.state == State::closed) return;
  const TlsFilter& tls = *connection.tls;
  if (tls.state() == TlsFilter::State::ended) {
    if (is_closing(connection.state)) return;  // output under way may still be read
    writer_.end_tls(connection);
    return lose(connection, broker::CloseCause::peer_closed);
  }
  if (tls.state() != TlsFilter::State::failed) return;
  if (is_lingering(connection.state)) return destroy(connection);
  if (is_closing(connection.state)) return change(connection, State::rejected);
  note_refusal(
      connection, broker::Refusal::tls_handshake, "Connection from ",
      std::string(connection.state == State::tls_handshake ? " closed: TLS handshake failed: "
                                                           : " closed: TLS failed: ") +
          tls.why() + ".");
  forget(connection, broker::CloseCause::protocol_error);
  change(connection, State::rejected);
  finish(connection);
}

}  // namespace transport
