#include "tools/darter-bench/reactor.h"

#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include "broker/wire/connack.h"
#include "broker/wire/connect.h"

namespace bench {
namespace {

using State = Connection::State;

constexpr std::size_t read_bytes = 256UL * 1024;
constexpr Nanoseconds goodbye_time = 2 * one_second;
constexpr std::uint32_t session_expiry_seconds = 3600;

sockaddr_in address_of(std::uint32_t address, std::uint32_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address);
  result.sin_port = htons(static_cast<std::uint16_t>(port));
  return result;
}

/// Makes a socket that leaves from this address begin to connect. None if it could not; errno then
/// says why.
sockets::Descriptor connect_from(std::uint32_t source_address, std::uint32_t port) {
  sockets::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return socket;
  const int on = 1;
  ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (source_address != 0) {
    // The port is chosen when it is known where to: each address has all of them.
    ::setsockopt(socket.number(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const sockaddr_in source = address_of(source_address, 0);
    const auto* const place = reinterpret_cast<const sockaddr*>(&source);
    if (::bind(socket.number(), place, sizeof source) != 0) return {};
  }
  const sockaddr_in broker = address_of(INADDR_LOOPBACK, port);
  const auto* const place = reinterpret_cast<const sockaddr*>(&broker);
  const bool begun = ::connect(socket.number(), place, sizeof broker) == 0 || errno == EINPROGRESS;
  return begun ? std::move(socket) : sockets::Descriptor();
}

}  // namespace

Reactor::Reactor(const Options& options, Listener& listener)
    : options_(options),
      listener_(listener),
      buffer_(read_bytes + std::size_t{4} * options.payload_bytes),
      deadline_(now() + from_seconds(options.limit_seconds)) {
  if (!options.tls) return;
  tls_.emplace();
  sealed_.resize(read_bytes / 2);
}

void Reactor::open(Connection& connection) {
  ++opening_;
  connection.state = State::greeting;
  connection.opened_at = now();
  const bool elsewhere =
      connection.role == Connection::Role::subscriber && options_.receive_port != 0;
  connection.socket =
      connect_from(connection.source_address, elsewhere ? options_.receive_port : options_.port);
  if (!connection.socket.is_open()) {
    return fail(connection, "connect: " + std::generic_category().message(errno));
  }
  // The first bytes wait until the poller reports the socket writable.
  poller_.add(connection.socket.number(), &connection, sockets::Poller::For::input_and_output);
  connection.waits_for_socket = true;
  if (tls_) connection.tls = std::make_unique<TlsStream>(*tls_);
  if (!options_.websocket) return greet(connection);
  connection.state = State::upgrading;
  connection.output.append(
      upgrade_request(options_.path, static_cast<std::uint16_t>(options_.port)));
}

void Reactor::greet(Connection& connection) {
  mqtt::Connect connect{
      .version = options_.version(),
      .clean_start = connection.clean_session,
      .keep_alive_seconds = static_cast<std::uint16_t>(options_.keep_alive_seconds),
      .client_id = connection.client_id,
  };
  if (!connection.clean_session) connect.session_expiry_interval_seconds = session_expiry_seconds;
  if (!connection.user.empty()) {
    connect.user_name = connection.user;
    connect.password = mqtt::as_bytes(options_.password);
  }
  mqtt::ByteBuffer packet;
  mqtt::encode(connect, packet);
  connection.state = State::greeting;
  send(connection, packet.view());
}

bool Reactor::open_all(std::span<Connection* const> connections) {
  std::size_t next = 0;
  return run_until([&] {
    while (next < connections.size() && opening_ < options_.at_once && lost_ == 0) {
      open(*connections[next++]);
    }
    flush();
    return next == connections.size() && opening_ == 0;
  });
}

void Reactor::leave(Connection& connection) {
  if (connection.state != State::ready) return;
  send(connection, short_packet_bytes,
       [](std::byte* place) { put_short_packet(place, mqtt::PacketType::disconnect); });
  connection.state = State::leaving;
}

void Reactor::leave_all(std::span<Connection* const> connections) {
  const auto is_open = [](const Connection* connection) { return connection->socket.is_open(); };
  for (Connection* const connection : connections) leave(*connection);
  (void)run_until([&] { return std::ranges::none_of(connections, is_open); }, goodbye_time);
  for (Connection* const connection : connections) close(*connection);
}

void Reactor::send(Connection& connection, mqtt::Bytes packet) {
  send(connection, packet.size(), [&](std::byte* place) { mqtt::put_bytes(place, packet); });
}

void Reactor::send_ack(Connection& connection, mqtt::PacketType type, mqtt::PacketId id) {
  send(connection, ack_bytes, [&](std::byte* place) { put_ack(place, type, id); });
}

bool Reactor::run_for(Nanoseconds time) {
  const Nanoseconds end = now() + time;
  // A limit beyond the end: to be there is no failure.
  return run_until([&] { return now() >= end; }, time + one_second);
}

void Reactor::round(Nanoseconds wait) {
  // A sender to a sleeping process has to wake it, and pays for that: a broker on this machine
  // would be charged for the idleness of its load.
  if (options_.spin) wait = 0;
  for (const epoll_event& event : poller_.wait(wait)) {
    handle(*static_cast<Connection*>(event.data.ptr), event.events);
  }
}

void Reactor::handle(Connection& connection, std::uint32_t events) {
  constexpr std::uint32_t output = EPOLLOUT;
  if ((events & output) != 0) flush(connection);
  if ((events & ~output) != 0 && connection.socket.is_open()) read(connection);
}

void Reactor::read(Connection& connection) {
  const std::size_t kept = connection.tail.size();
  mqtt::put_bytes(buffer_.data(), connection.tail.view());
  const std::span<std::byte> room = std::span(buffer_).subspan(kept);
  // The kept part of an unfinished TLS record may come out with the bytes read now.
  const std::span<std::byte> place = connection.tls == nullptr ? room : std::span(sealed_);
  const ssize_t count = ::recv(connection.socket.number(), place.data(), place.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return ended(connection, "the broker closed a connection");
  read_at_ = now();
  const auto fresh_bytes =
      connection.tls == nullptr
          ? static_cast<std::size_t>(count)
          : open_records(connection, place.first(static_cast<std::size_t>(count)), room);
  if (!connection.socket.is_open()) return;
  std::span<std::byte> fresh = room.first(fresh_bytes);
  connection.tail.clear();
  if (connection.state == State::upgrading) {
    connection.tail.append({buffer_.data(), kept + fresh.size()});
    return upgraded(connection);
  }
  if (options_.websocket) fresh = connection.frames.read(fresh);
  take_packets(connection, {buffer_.data(), kept + fresh.size()});
  if (connection.frames.ended()) ended(connection, "the broker closed a WebSocket");
}

/// Undoes TLS, and returns how many bytes came out. A connection that has ended is closed.
std::size_t Reactor::open_records(Connection& connection, mqtt::Bytes sealed,
                                  std::span<std::byte> plain) {
  const auto count = connection.tls->read(sealed, plain);
  if (!count) {
    ended(connection, "the broker ended TLS");
    return 0;
  }
  mark(connection);  // a handshake has replies, and output that waited for its end
  return *count;
}

void Reactor::upgraded(Connection& connection) {
  switch (read_upgrade(mqtt::as_text(connection.tail.view()))) {
    case Upgrade::incomplete:
      return;
    case Upgrade::refused:
      return fail(connection, "the broker refused a WebSocket");
    case Upgrade::accepted:
      connection.tail.clear();
      return greet(connection);
  }
}

void Reactor::take_packets(Connection& connection, mqtt::Bytes bytes) {
  while (connection.socket.is_open()) {
    const auto frame = mqtt::next_frame(bytes, mqtt::variable_byte_integer_max);
    if (!frame) return fail(connection, frame.error().what);
    if (!*frame) return connection.tail.append(bytes);
    bytes = bytes.subspan((*frame)->size_bytes);
    if (connection.state == State::greeting) {
      welcome(connection, **frame);
    } else {
      listener_.on_packet(connection, **frame);
    }
  }
}

void Reactor::welcome(Connection& connection, const mqtt::Frame& frame) {
  if (frame.type != mqtt::PacketType::connack) return fail(connection, "no CONNACK came first");
  const auto answer = mqtt::decode_connack(frame, options_.version());
  if (!answer) return fail(connection, "bad CONNACK: " + std::string(answer.error().what));
  if (answer->reason != mqtt::Reason::success) {
    return fail(connection, "the broker refused a CONNECT");
  }
  connection.session_present = answer->session_present;
  connection.receive_maximum = answer->receive_maximum.value_or(65'535);
  connection.state = State::ready;
  --opening_;
  listener_.on_connected(connection);
}

void Reactor::mark(Connection& connection) {
  if (connection.has_output || connection.waits_for_socket) return;
  connection.has_output = true;
  to_flush_.push_back(&connection);
}

void Reactor::flush() {
  for (std::size_t i = 0; i < to_flush_.size(); ++i) {
    to_flush_[i]->has_output = false;
    flush(*to_flush_[i]);
  }
  to_flush_.clear();
}

void Reactor::flush(Connection& connection) {
  if (!connection.socket.is_open()) return;
  if (connection.tls != nullptr) {
    if (connection.tls->is_ready() && !connection.output.empty()) {
      connection.tls->write(connection.output.view());
      connection.output.clear();
    }
    connection.tls->take_output(connection.sealed);
  }
  mqtt::ByteBuffer& output = connection.tls != nullptr ? connection.sealed : connection.output;
  const int number = connection.socket.number();
  while (!output.empty()) {
    const ssize_t sent = ::send(number, output.data(), output.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      return ended(connection, "send: " + std::generic_category().message(errno));
    }
    if (sent < 0) break;
    output.consume(static_cast<std::size_t>(sent));
  }
  const bool waits = !output.empty();
  if (waits == connection.waits_for_socket) return;
  using For = sockets::Poller::For;
  poller_.change(number, &connection, waits ? For::input_and_output : For::input);
  connection.waits_for_socket = waits;
}

void Reactor::ended(Connection& connection, std::string_view why) {
  if (connection.state != State::leaving) return fail(connection, why);
  close(connection);
  listener_.on_left(connection);
}

void Reactor::fail(Connection& connection, std::string_view why) {
  close(connection);
  if (listener_.on_lost(connection)) return;
  ++lost_;
  if (fault_.empty()) fault_ = why;
}

void Reactor::close(Connection& connection) {
  if (connection.state == State::greeting || connection.state == State::upgrading) --opening_;
  connection.state = State::closed;
  connection.socket.close();
  connection.output.clear();
  connection.tls.reset();
  connection.sealed.clear();
  connection.tail.clear();
  connection.frames = {};
  connection.waits_for_socket = false;
}

}  // namespace bench
