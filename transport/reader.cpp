#include "transport/reader.h"

#include <string>
#include <sys/socket.h>
#include <utility>

#include "transport/connections.h"
#include "transport/first_bytes.h"
#include "transport/login_bytes.h"
#include "transport/loop.h"

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
  // Bytes of a CONNECT are copied, see read_mqtt(): not many at a time.
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
  connection.read_turn = loop_.turns().number();
  loop_.before_input();
  const std::size_t size = bytes.size();
  // A connection's way in. Each stage takes the bytes that the one before it leaves; a stage that
  // the listener does not have, or that is over, leaves all of them.
  bytes = connections_.arrivals().read(connection, bytes);
  bytes = connections_.tls().read(connection, bytes);
  bytes = connections_.http().read(connection, bytes);
  bytes = read_websocket(connection, bytes);
  read_mqtt(connection, bytes);
  // A stage ends behind the last of its bytes.
  if (!connection.in_line) end_stages(connection);
  loop_.after_input(size);
}

/// The stage of a WebSocket's frames, until its client has ended it.
Reader::Bytes Reader::read_websocket(Connection& connection, Bytes bytes) {
  if (connection.websocket == nullptr || bytes.empty()) return bytes;
  const bool open = is_open(connection.state);
  if (!open && connection.state != State::lingering) return {};
  const WebSocketInput input = connection.websocket->read(bytes);
  if (!open) return {};
  WebSocketPings::heard(connection, loop_.now());
  if (!input.pongs.empty()) send_pongs(connection, input);
  return input.payload;
}

/// The stage of MQTT: the shard's.
///
/// A CONNECT stands in line until the poll after its read is over, and with it all input that came
/// before: in one poll epoll may report the new connection of a client before the old one, although
/// its DISCONNECT was sent first, and the will would be published [MQTT-3.14.4-3].
void Reader::read_mqtt(Connection& connection, Bytes bytes) {
  if (bytes.empty() || !is_open(connection.state)) return;
  if (connection.state == State::introduced) {
    if (refuse_wrong_protocol(connection, bytes)) return;
    connections_.change(connection, State::connecting);
  }
  if (connection.state != State::connecting) return pass(connection, bytes);
  connection.in_line = true;
  line_.push_back({connection.id, {bytes.begin(), bytes.end()}});
}

void Reader::take_line() {
  for (const InLine& late : std::exchange(due_line_, std::exchange(line_, {}))) {
    Connection* const connection = connections_.find(late.id);
    if (connection == nullptr) continue;
    connection->in_line = false;
    if (!is_open(connection->state)) continue;
    loop_.before_input();
    pass(*connection, late.bytes);
    end_stages(*connection);
    loop_.after_input(late.bytes.size());
  }
}

void Reader::end_stages(Connection& connection) {
  end_websocket(connection);
  connections_.tls().end(connection);
}

/// Answers Pings. While output waits the last Pong stands for those before it (RFC 6455, section
/// 5.5.3): a client that sends Pings and does not read would fill the memory.
void Reader::send_pongs(Connection& connection, const WebSocketInput& input) {
  const mqtt::Bytes pongs = input.pongs.view();
  if (connection.pending == nullptr) return connections_.send(connection, mqtt::as_text(pongs));
  connection.pending->pong.clear();
  connection.pending->pong.append(pongs.subspan(input.last_pong));
}

void Reader::take_unread(Connection& connection, mqtt::Bytes bytes) {
  connection.reading_held = !loop_.shard().received_before_move(connection.id, bytes, loop_.now());
  passed_before_login(connection);
  end_websocket(connection);
  if (is_open(connection.state)) connections_.tls().end(connection);
}

/// Gives MQTT bytes to the shard. The connection may be on its way to another loop afterwards.
void Reader::pass(Connection& connection, mqtt::Bytes bytes) {
  if (connection.trace != nullptr) connections_.tracer().received(connection, bytes);
  if (connection.state != State::settled) return pass_before_login(connection, bytes);
  connection.reading_held = !loop_.shard().received(connection.id, bytes, loop_.now());
  loop_.write_borrowed();
}

void Reader::pass_before_login(Connection& connection, mqtt::Bytes bytes) {
  connection.reading_held = !loop_.shard().received(connection.id, bytes, loop_.now());
  passed_before_login(connection);
}

void Reader::passed_before_login(Connection& connection) {
  loop_.move_connections();
  loop_.write_borrowed();
  if (!is_open(connection.state)) return;
  connections_.arrivals().count_login_bytes(connection, loop_.shard().login_bytes(connection.id));
}

/// Ends a connection after the end of its WebSocket; does nothing to others. It may have moved to
/// another loop, with its WebSocket.
void Reader::end_websocket(Connection& connection) {
  if (connection.websocket == nullptr) return;
  const WebSocketReader& websocket = *connection.websocket;
  if (websocket.end() == WebSocketInput::End::none) return;
  if (connection.state == State::lingering) {
    connections_.writer().end_tls(connection);
    return connections_.destroy(connection);
  }
  if (!is_open(connection.state)) return;
  mqtt::ByteBuffer frame;
  append_websocket_close(frame, websocket.code(), websocket.why());
  if (websocket.end() == WebSocketInput::End::failed) {
    connections_.note(connection, "WebSocket of ",
                      " broke the protocol: " + std::string(websocket.why()) + ".");
    connections_.forget(connection, broker::CloseCause::protocol_error);
    connections_.change(connection, State::rejected);
  } else {
    connections_.forget(connection, broker::CloseCause::peer_closed);
  }
  connections_.send(connection, mqtt::as_text(frame.view()));
  connections_.finish(connection);
}

bool Reader::refuse_wrong_protocol(Connection& connection, mqtt::Bytes bytes) {
  const ListenerOptions& options = connection.listener->options();
  const bool outside = options.tls && connection.tls == nullptr;
  const FirstBytes inside = speaks_http(options.protocol) ? FirstBytes::http : FirstBytes::mqtt;
  const FirstBytes kind = recognise(bytes);
  if (kind == FirstBytes::unknown || kind == (outside ? FirstBytes::tls : inside)) return false;
  connections_.tracer().refused(connection, bytes);
  const bool plain_mqtt = outside && kind == FirstBytes::mqtt;
  connections_.note(connection, "Client ",
                    " sent " + std::string(plain_mqtt ? "MQTT without TLS" : describe(kind)) +
                        " to " + connection.listener->name() + ", which expects " +
                        (options.protocol == Protocol::http         ? "HTTP "
                         : options.protocol == Protocol::websockets ? "WebSocket "
                                                                    : "MQTT ") +
                        (options.tls ? "over TLS." : "without TLS."));
  connections_.forget(connection, broker::CloseCause::protocol_error);
  if (kind == FirstBytes::http) {
    connections_.change(connection, State::rejected);
    connections_.send(connection, encode({400,
                                          outside ? "This port speaks TLS: use https or wss."
                                                  : "This port speaks MQTT, not HTTP.",
                                          {}}));
    connections_.finish(connection);
  } else {
    connections_.destroy(connection);
  }
  return true;
}

}  // namespace transport
