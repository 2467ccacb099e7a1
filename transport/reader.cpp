#include "transport/reader.h"

#include <cassert>
#include <string>
#include <utility>

#include "transport/connections.h"
#include "transport/login_bytes.h"
#include "transport/loop.h"
#include "transport/wrong_protocol.h"

namespace transport {

void Reader::start(Connection& connection) {
  if (connection.state == State::inner) return connections_.inner().resume(connection);
  if (uv_read_start(&connection.handle.stream, on_alloc, on_read) != 0) {
    connections_.lose(connection, broker::CloseCause::connection_lost);
  }
}

void Reader::resume(broker::ConnectionId id) {
  Connection* const connection = connections_.find(id);
  if (connection == nullptr || !std::exchange(connection->reading_held, false)) return;
  if (is_reading(*connection)) return;
  if (loop_.blocked()) {
    paused_.push_back(id);
  } else {
    start(*connection);
  }
}

void Reader::resume_all() {
  for (const broker::ConnectionId id : std::exchange(paused_, {})) {
    Connection* const connection = connections_.find(id);
    if (connection != nullptr && !is_reading(*connection) && !connection->reading_held) {
      start(*connection);
    }
  }
}

/// Once a turn, so that one fast client cannot fill the outbox: the rest waits in the socket.
bool Reader::may_read(const Connection& connection) const {
  return !connection.reading_held && !connection.in_line && !loop_.blocked() &&
         connection.read_turn != loop_.turns().number() && connections_.tls().may_read(connection);
}

/// Reading is stopped only when something came to be read: most pauses end before that. Not from
/// on_alloc(): libuv goes on to call on_read() whatever happens there.
void Reader::pause(Connection& connection) {
  const bool waits = connections_.tls().has_to_wait(connection);
  if (!connection.reading_held && !waits && !loop_.blocked()) return;
  uv_read_stop(&connection.handle.stream);
  if (connection.reading_held) return;
  if (waits) return connections_.tls().wait(connection.id);
  paused_.push_back(connection.id);
}

void Reader::on_alloc(uv_handle_t* handle, std::size_t /*suggested*/, uv_buf_t* buffer) {
  Reader& self = Connections::of(handle).reader();
  *buffer = uv_buf_t{nullptr, 0};
  const Connection& connection = Connections::connection_of(handle);
  if (!self.may_read(connection)) return;
  if (self.buffer_ == nullptr) {
    self.buffer_ = std::make_unique_for_overwrite<std::byte[]>(buffer_bytes);
  }
  // Bytes of a CONNECT are copied, see MqttStage: not many at a time.
  const bool before_login = awaits_connect(connection.state);
  *buffer = uv_buf_t{reinterpret_cast<char*>(self.buffer_.get()),
                     before_login ? LoginBytes::free_bytes : buffer_bytes};
}

void Reader::on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* /*buffer*/) {
  auto* const handle = reinterpret_cast<uv_handle_t*>(stream);
  Reader& self = Connections::of(handle).reader();
  Connection& connection = Connections::connection_of(handle);
  if (count == 0) return;
  if (count == UV_ENOBUFS) return self.pause(connection);
  if (count < 0) {
    self.connections_.lose(connection, count == UV_EOF ? broker::CloseCause::peer_closed
                                                       : broker::CloseCause::connection_lost);
    return self.loop_.after_input(0);
  }
  self.read(connection, {self.buffer_.get(), static_cast<std::size_t>(count)});
}

void Reader::read(Connection& connection, Bytes bytes) {
  assert(!bytes.empty() && bytes.size() <= buffer_bytes);
  assert(!connection.reading_held && !connection.in_line);
  connection.read_turn = loop_.turns().number();
  loop_.before_input();
  const std::size_t size = bytes.size();
  // A connection's way in. Each stage takes the bytes that the one before it leaves; a stage that
  // the listener does not have, or that is over, leaves all of them.
  bytes = connections_.arrivals().read(connection, bytes);  // PROXY header
  bytes = connections_.tls().read(connection, bytes);
  bytes = connections_.http().read(connection, bytes);
  bytes = connections_.websockets().read(connection, bytes);
  connections_.packets().read(connection, bytes);
  end_stages(connection);
  loop_.after_input(size);
}

void Reader::end_stages(Connection& connection) {
  if (connection.in_line) return;  // a stage ends behind the last of its bytes
  connections_.websockets().end(connection);
  connections_.tls().end(connection);
}

bool Reader::refuse_wrong_protocol(Connection& connection, mqtt::Bytes bytes) {
  const Listener& listener = *connection.listener;
  const auto wrong = find_wrong_protocol(bytes, listener.options(), connection.tls != nullptr);
  if (!wrong) return false;
  connections_.tracer().refused(connection, bytes);
  connections_.note(connection, broker::Event::protocol_error, "Client ",
                    " sent " + std::string(wrong->sent) + " to " + listener.name() +
                        ", which expects " + wrong->expected + ".");
  connections_.forget(connection, broker::CloseCause::protocol_error);
  if (wrong->answer) {
    connections_.change(connection, State::rejected);
    connections_.send(connection, encode(*wrong->answer));
    connections_.finish(connection);
  } else {
    connections_.destroy(connection);
  }
  return true;
}

}  // namespace transport
