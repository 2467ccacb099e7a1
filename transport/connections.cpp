#include "transport/connections.h"

#include <cassert>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "transport/loop.h"

namespace transport {

namespace {

bool is_turned_away(const Connection& connection) noexcept {
  return connection.charge.as == ConnectionCharge::As::turned_away;
}

}  // namespace

Connections::Connections(Loop& loop)
    : loop_(loop),
      tracer_(loop),
      arrivals_(loop, *this),
      reader_(loop, *this),
      tls_(loop, *this),
      http_(loop, *this),
      websockets_(loop, *this),
      packets_(loop, *this),
      inner_(loop, table_),
      writer_(on_written),
      lines_(loop.commons().log, &tracer_) {}

Connections& Connections::of(const uv_handle_t* handle) noexcept {
  return static_cast<Loop*>(handle->loop->data)->connections();
}

Connection& Connections::connection_of(const uv_handle_t* handle) noexcept {
  return *static_cast<Connection*>(handle->data);
}

void Connections::note(const Connection& connection, broker::Event event, std::string_view before,
                       std::string_view after, const std::source_location& place) {
  lines_.note(connection, event, before, after, loop_.now(), place);
}

// Opening.

Connection* Connections::start(Descriptor socket, const std::shared_ptr<Listener>& listener,
                               const PeerAddress& address) {
  Connection& connection = table_.acquire();
  connection.listener = listener;
  connection.address = address;
  int error = 0;
  if (listener->is_unix()) {
    uv_pipe_init(loop_.events().uv(), &connection.handle.pipe, 0);
    error = uv_pipe_open(&connection.handle.pipe, socket.get());
  } else {
    uv_tcp_init(loop_.events().uv(), &connection.handle.tcp);
    error = uv_tcp_open(&connection.handle.tcp, socket.get());
  }
  connection.handle.any.data = &connection;
  if (error == 0) {
    static_cast<void>(socket.release());  // it is the handle's now
    return &connection;
  }
  destroy(connection);
  return nullptr;
}

/// Changes the state of a live connection, and keeps the count of TLS handshakes right. Beside this
/// only Closing changes it, from closing to lingering.
void Connections::change(Connection& connection, State state) {
  assert(connection.state != State::free && connection.state != State::closed);
  tls_.changed(connection.state, state);
  connection.state = state;
  if (state >= State::settled) Admission::release_login_bytes(connection.charge);
}

void Connections::accept(Descriptor socket, const std::shared_ptr<Listener>& listener,
                         const PeerAddress& address) {
  assert(is_thread_of(loop_));
  Connection* const connection = start(std::move(socket), listener, address);
  if (connection == nullptr) return;
  tracer_.accepted(*connection);
  if (!arrivals_.is_trusted_peer(*connection)) return destroy(*connection);
  if (arrivals_.enter(*connection) && begin(*connection)) reader_.start(*connection);
}

/// Everything is known that the accepting of a socket tells. Returns false if that was enough to
/// turn the client away.
bool Connections::begin(Connection& connection) {
  const ListenerOptions& options = connection.listener->options();
  const bool behind_proxy = options.proxy_protocol != ProxyVersion::none;
  if (!behind_proxy && !Arrivals::expects_forwarded_header(connection) &&
      !arrivals_.address_known(connection))
    return false;
  if (!behind_proxy && options.protocol == Protocol::mqtt && !options.tls) {
    introduce(connection);
    return true;
  }
  if (behind_proxy) {
    connection.proxy = std::make_unique<ProxyStage>(options);
  } else {
    change(connection, options.tls ? State::tls_due : State::http_request);
  }
  connection.deadline =
      broker::after_seconds(loop_.now(), loop_.options().handshake_timeout_seconds);
  handshakes_.push(connection.id, connection.deadline);
  return true;
}

void Connections::adopt(Handoff handoff) {
  assert(is_thread_of(loop_) && handoff.charge.as != ConnectionCharge::As::turned_away);
  Connection* const connection =
      start(std::move(handoff.socket), handoff.listener, handoff.address);
  if (connection == nullptr) {
    return arrivals_.leave(handoff.charge, handoff.listener->connections());
  }
  connection->charge = std::move(handoff.charge);
  if (loop_.shutdown().has_begun()) return destroy(*connection);
  connection->through_proxy = handoff.through_proxy;
  connection->proxy = std::move(handoff.proxy);
  connection->tls = std::move(handoff.tls);
  connection->websocket = std::move(handoff.websocket);
  connection->trace = std::move(handoff.trace);
  tracer_.adopted(*connection, handoff.unread);
  introduce(*connection, mqtt::Reason::success, true);
  change(*connection, State::at_home);
  reader_.start(*connection);
  if (!is_open(connection->state)) return;
  packets_.take_unread(*connection, handoff.unread);
}

/// Tells the shard that a connection is there.
void Connections::introduce(Connection& connection, mqtt::Reason refusal, bool moved) {
  assert(connection.state < State::introduced);  // the shard hears of it once
  const ListenerOptions& options = connection.listener->options();
  const std::string address = connection.address.text();
  std::optional<std::string> user;
  if (connection.tls != nullptr) user = connection.tls->user_name();
  if (options.proxy_names_user) user = connection.proxy->header().user_name();
  // The first bytes of a WebSocket were those of its request.
  change(connection, connection.websocket == nullptr ? State::introduced : State::connecting);
  const broker::Instant deadline = std::exchange(connection.deadline, {});
  connection.opened = loop_.now();
  loop_.shard().opened(connection.id,
                       {options.index, connection.address.port(), address,
                        options.protocol == Protocol::websockets ? "websockets" : "mqtt",
                        user ? std::string_view(*user) : std::string_view(),
                        user ? std::string_view() : missing_name(connection), refusal, deadline,
                        moved, transport_of(connection)},
                       loop_.now());
  websockets_.open(connection);
}

std::unique_ptr<Handoff> Connections::hand_off(broker::HandoffRequest request) {
  Connection* const connection = table_.find(request.connection);
  if (connection == nullptr) return nullptr;
  Descriptor socket;
  // Before its CONNECT was answered a client has nothing to be late in reading, unless it plays
  // with pings; then it is not worth moving.
  if (connection->pending == nullptr) {
    socket = Descriptor(::fcntl(descriptor_of(*connection), F_DUPFD_CLOEXEC, 0));
  }
  if (!socket) {
    note(*connection, broker::Event::connection_lost, "Connection from ",
         " could not be moved to its home loop.");
    destroy(*connection);
    return nullptr;
  }
  auto handoff = std::make_unique<Handoff>();
  handoff->socket = std::move(socket);
  handoff->listener = connection->listener;
  handoff->address = connection->address;
  handoff->through_proxy = connection->through_proxy;
  handoff->proxy = std::move(connection->proxy);
  assert(connection->charge.as != ConnectionCharge::As::turned_away);  // it is refused, not moved
  handoff->charge = std::exchange(connection->charge, {});
  handoff->tls = std::move(connection->tls);
  handoff->websocket = std::move(connection->websocket);
  handoff->trace = std::move(connection->trace);
  handoff->unread = std::move(request.unread);
  destroy(*connection);
  return handoff;
}

// Writing.

void Connections::write(broker::ConnectionId id, broker::Output& output) {
  Connection* const connection = table_.find(id);
  if (connection == nullptr || !is_open(connection->state)) return;
  if (connection->state != State::settled) {
    if (connection->state == State::inner) return write_inner(*connection, output);
    change(*connection, State::settled);
  }
  connection->write_turn = loop_.turns().number();
  const bool report = output.report;
  if (connection->trace != nullptr) tracer_.sent(*connection, output);
  if (!writer_.write(*connection, output)) {
    lost_.push_back(id);
  } else if (connection->pending != nullptr || report) {
    reports_.push_back({id, Writer::queued_bytes(*connection)});
  }
}

void Connections::write_inner(const Connection& connection, broker::Output& output) {
  const bool report = output.report;
  if (connection.trace != nullptr) tracer_.sent(connection, output);
  const std::size_t queued_bytes = inner_.write(connection, output);
  if (queued_bytes > 0 || report) reports_.push_back({connection.id, queued_bytes});
}

void Connections::on_written(uv_write_t* request, int status) {
  Connection& connection = *static_cast<Connection*>(request->data);
  if (connection.state == State::closed) return;
  Connections& self = of(&connection.handle.any);
  switch (self.writer_.written(connection, status)) {
    case Writer::Progress::pending:
      return;
    case Writer::Progress::drained:
      return self.drained(connection);
    case Writer::Progress::lost:
      return self.lose(connection, broker::CloseCause::connection_lost);
  }
}

void Connections::drained(Connection& connection) {
  assert(connection.pending == nullptr);
  if (is_open(connection.state)) {
    loop_.shard().writable(connection.id, 0, loop_.now());
  } else {
    finish(connection);
  }
}

void Connections::report() {
  for (const broker::ConnectionId id : std::exchange(lost_, {})) {
    Connection* const connection = table_.find(id);
    if (connection != nullptr) lose(*connection, broker::CloseCause::connection_lost);
  }
  for (const Report& report : reports_) {
    const Connection* const connection = table_.find(report.connection);
    if (connection == nullptr || !is_open(connection->state)) continue;
    loop_.shard().writable(report.connection, report.queued_bytes, loop_.now());
  }
  reports_.clear();
}

/// Writes bytes of the transport's own: responses and control frames.
void Connections::send(Connection& connection, std::string_view text) {
  connection.write_turn = loop_.turns().number();
  if (!writer_.send(connection, mqtt::as_bytes(text))) {
    lose(connection, broker::CloseCause::connection_lost);
  }
}

// Closing.

void Connections::close(const broker::CloseRequest& request) {
  Connection* const connection = table_.find(request.connection);
  if (connection == nullptr || !is_open(connection->state)) return;
  if (connection->state == State::inner) return inner_.end(*connection);
  change(*connection, State::closing);
  connection->how = request.how;
  websockets_.close(*connection, request);
  finish(*connection);
}

/// Ends a connection that is closing once its output is written; does nothing to others.
void Connections::finish(Connection& connection) {
  if (!is_closing(connection.state)) return;
  if (connection.pending != nullptr) return closing_.wait_for_output(connection, loop_.now());
  if (HttpStage::is_sending(connection)) return http_.send_more(connection);
  const bool at_once = Closing::may_end_at_once(connection, loop_.turns().number());
  if (at_once || Closing::ends_first(connection)) writer_.end_tls(connection);
  if (connection.pending != nullptr) return closing_.wait_for_output(connection, loop_.now());
  if (at_once) return destroy(connection);
  closing_.linger(connection, loop_.shutdown().has_begun(), loop_.now());
  connection.reading_held = false;
  if (!is_reading(connection)) reader_.start(connection);
}

/// The socket failed or the client has closed it: drops all state of the connection.
void Connections::lose(Connection& connection, broker::CloseCause cause) {
  tracer_.note(connection, cause == broker::CloseCause::peer_closed
                               ? "the client closed the connection"
                               : "the connection is lost");
  // An end is input, too: if it returns messages to a group, members that joined before must count.
  if (is_open(connection.state)) loop_.before_input();
  if (cause == broker::CloseCause::peer_closed && connection.through_proxy &&
      is_open(connection.state)) {
    lines_.ended(connection, loop_.now());
  }
  forget(connection, cause);
  destroy(connection);
}

/// Tells the shard, if it knows the connection, that it has ended.
void Connections::forget(Connection& connection, broker::CloseCause cause) {
  if (!is_open(connection.state)) return;
  change(connection, State::closing);
  loop_.shard().closed(connection.id, cause, loop_.now());
}

void Connections::destroy(Connection& connection) {
  if (connection.state == State::closed) return;
  if (connection.state == State::inner) return inner_.drop(connection);
  change(connection, State::closed);
  arrivals_.leave(connection.charge, connection.listener->connections());
  uv_close(&connection.handle.any,
           [](uv_handle_t* handle) { of(handle).table_.release(connection_of(handle)); });
}

void Connections::drop_strangers() {
  table_.each([this](Connection& connection) {
    if (!is_open(connection.state)) destroy(connection);
  });
}

void Connections::drop_all() {
  table_.each([this](Connection& connection) { destroy(connection); });
}

// Time.

void Connections::move_handshakes(std::int64_t seconds) {
  if (seconds == 0) return;
  constexpr broker::Instant end_of_time{std::numeric_limits<std::int64_t>::max()};
  Deadlines moved;
  while (const auto id = handshakes_.pop(end_of_time)) {
    Connection* const connection = table_.find(*id);
    // A connection that has made progress waits in another list, if at all.
    if (connection == nullptr || is_turned_away(*connection)) continue;
    if (!is_arriving(connection->state)) continue;
    connection->deadline = broker::after_seconds(connection->deadline, seconds);
    moved.push(*id, connection->deadline);
  }
  handshakes_ = std::move(moved);
}

void Connections::tick() {
  while (const auto id = handshakes_.pop(loop_.now())) expire(*id);
  closing_.expire(loop_.now(), [this](broker::ConnectionId id) { expire(id); });
  arrivals_.expire(loop_.now(), [this](broker::ConnectionId id) { expire(id); });
  tls_.admit();
  lines_.tell_held_back(loop_.now());
  tracer_.tick();
  websockets_.tick();
  http_.tick();
}

/// Loses a connection if its deadline is over. If the deadline was moved, another entry stands for
/// it.
void Connections::expire(broker::ConnectionId id) {
  Connection* const connection = table_.find(id);
  if (connection == nullptr || connection->deadline.milliseconds == 0) return;
  if (connection->deadline > loop_.now()) return;
  const std::string_view what = awaited_part(connection->state);
  if (!what.empty() && !is_turned_away(*connection)) {
    arrivals_.note_refusal(*connection, broker::Refusal::handshake_timeout, "Connection from ",
                           " closed: no " + std::string(what) + " came in time.");
  }
  lose(*connection, broker::CloseCause::connection_lost);
}

}  // namespace transport
