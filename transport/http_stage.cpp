#include "transport/http_stage.h"

#include <cassert>
#include <string>
#include <utility>
#include <variant>

#include "transport/connections.h"
#include "transport/http_exchange.h"
#include "transport/loop.h"

namespace transport {

std::span<std::byte> HttpStage::read(Connection& connection, std::span<std::byte> bytes) {
  if (connection.state == State::http_body) {
    if (!bytes.empty()) read_body(connection, bytes);
    return {};
  }
  if (connection.state != State::http_request || bytes.empty()) return bytes;
  if (connection.opening == nullptr) {
    if (connections_.reader().refuse_wrong_protocol(connection, bytes)) return {};
    connection.opening = std::make_unique<WebSocketOpening>(connection.listener->options());
  }
  const auto [progress, used] = connection.opening->read(bytes);
  if (progress == HttpRequestReader::Progress::incomplete) {
    // Until its request is whole, a client behind a proxy would count as the proxy.
    if (!Arrivals::expects_forwarded_header(connection)) {
      connections_.arrivals().count_login_bytes(connection, connection.opening->head_bytes());
    }
    return {};
  }
  if (progress != HttpRequestReader::Progress::complete) {
    refuse(connection, connection.opening->fault(progress));
    return {};
  }
  bytes = bytes.subspan(used);
  if (answer_request(connection)) return bytes;
  if (connection.state == State::http_body) read_body(connection, bytes);
  return {};
}

/// Returns whether a WebSocket is open now.
bool HttpStage::answer_request(Connection& connection) {
  if (!connections_.arrivals().apply_forwarded(connection)) return false;
  const bool opens_websockets = connection.listener->options().protocol != Protocol::http;
  assert(opens_websockets || connection.listener->http() != nullptr);
  const bool is_plain = connection.opening->is_plain() && connection.listener->http() != nullptr;
  if (opens_websockets && !is_plain) {
    return open_websocket(connection);
  }
  begin(connection);
  return false;
}

bool HttpStage::open_websocket(Connection& connection) {
  const auto handshake = connection.opening->answer();
  if (!handshake) {
    refuse(connection, handshake.error());
    return false;
  }
  if (!handshake->defects.empty()) {
    connections_.lines().defects(connection, handshake->defects, loop_.now());
  }
  connections_.send(connection, handshake->response);
  if (connection.state != State::http_request) return false;  // the socket was broken
  connection.opening.reset();
  Admission::release_login_bytes(connection.charge);
  connection.websocket = std::make_unique<WebSocketReader>();
  connections_.tracer().note(connection, "WebSocket opened");
  connections_.introduce(connection);
  return true;
}

/// The head of a request for handlers is there.
void HttpStage::begin(Connection& connection) {
  if (open_ >= limits().open_max) {
    return refuse(connection,
                  {503, "The broker answers too many requests at present.", "Retry-After: 1\r\n"});
  }
  HttpCall call;
  call.request = connection.opening->take_request();
  call.client = connection.address;
  call.listener = connection.listener->options().index;
  connection.opening.reset();
  Admission::release_login_bytes(connection.charge);
  connection.http =
      std::make_unique<HttpExchange>(std::move(call), connection.listener->http(), open_);
  connections_.change(connection, State::http_body);
  if (const auto refusal = connection.http->expect_body()) return refuse(connection, *refusal);
  if (connection.http->wants_continue()) {
    connections_.send(connection, "HTTP/1.1 100 Continue\r\n\r\n");
  }
}

void HttpStage::read_body(Connection& connection, std::span<std::byte> bytes) {
  assert(connection.http != nullptr);
  if (connection.http->read(bytes)) ask(connection);
}

/// The request is whole.
void HttpStage::ask(Connection& connection) {
  connections_.change(connection, State::http_answer);
  HttpAnswer answer = connection.http->ask(HttpReply(loop_, connection.id));
  if (auto* const response = std::get_if<HttpResponse>(&answer)) {
    return respond(connection, std::move(*response));
  }
  if (const auto* const refusal = std::get_if<HttpRefusal>(&answer)) {
    return refuse(connection, *refusal);
  }
  if (std::holds_alternative<HttpLater>(answer)) return wait(connection);
  if (connection.listener->options().protocol == Protocol::http) {
    return refuse(connection, {404, "Nothing is served at this path.", {}});
  }
  // No handler has an answer: the refusal names the fields that a WebSocket needs.
  const auto handshake =
      answer_handshake(connection.http->request(), connection.listener->options());
  assert(!handshake);
  refuse(connection, handshake.error());
}

void HttpStage::answer(broker::ConnectionId id, HttpResponse response) {
  assert(is_thread_of(loop_));
  Connection* const connection = connections_.find(id);
  if (connection == nullptr || connection->state != State::http_answer) return;
  respond(*connection, std::move(response));
}

void HttpStage::refuse(broker::ConnectionId id, const HttpRefusal& refusal) {
  assert(is_thread_of(loop_));
  Connection* const connection = connections_.find(id);
  if (connection == nullptr || connection->state != State::http_answer) return;
  refuse(*connection, refusal);
}

void HttpStage::go_on(broker::ConnectionId id) {
  assert(is_thread_of(loop_));
  Connection* const connection = connections_.find(id);
  if (connection == nullptr || !is_closing(connection->state) || !is_sending(*connection)) return;
  // An answer that waits for the socket, or for its turn, goes on without this call.
  if (connection->pending != nullptr || connection->deadline.milliseconds == 0) return;
  send_more(*connection);
}

void HttpStage::respond(Connection& connection, HttpResponse response) {
  connection.deadline = {};
  connections_.change(connection, State::rejected);  // no WebSocket will come of it
  connection.http->answer(std::move(response));
  connections_.finish(connection);  // nothing more is read; send_more() as soon as there is room
}

void HttpStage::refuse(Connection& connection, const HttpRefusal& refusal) {
  const bool asks_handlers = connection.http != nullptr;
  connections_.note(
      connection,
      asks_handlers ? broker::Event::http_request_refused : broker::Event::websocket_refused,
      "HTTP request from ",
      " on " + connection.listener->name() + " refused: " + status_line(refusal.status) + ": " +
          refusal.text);
  const bool head_only = connection.http != nullptr
                             ? connection.http->is_head()
                             : connection.opening->request().method == "HEAD";
  connection.http.reset();
  connection.deadline = {};
  connections_.change(connection, State::rejected);
  connections_.send(connection, encode(refusal, head_only));
  connections_.finish(connection);
}

bool HttpStage::is_sending(const Connection& connection) noexcept {
  return connection.http != nullptr && connection.http->has_more();
}

void HttpStage::send_more(Connection& connection) {
  assert(is_closing(connection.state) && is_sending(connection));
  assert(connection.pending == nullptr);
  connection.deadline = {};
  std::string bytes;
  for (std::size_t sent = 0; sent < visit_bytes_max; sent += bytes.size()) {
    if (bytes_left_in_turn() == 0) break;
    bytes.clear();
    const HttpPieces::State state = connection.http->write(bytes, limits().piece_bytes_max);
    if (state == HttpPieces::State::failed) return connections_.destroy(connection);
    turn_bytes_ += bytes.size();
    if (!bytes.empty()) connections_.send(connection, bytes);
    if (!is_closing(connection.state)) return;  // the socket was broken
    if (state == HttpPieces::State::end) connection.http.reset();
    if (connection.http == nullptr || connection.pending != nullptr) {
      return connections_.finish(connection);
    }
    if (state == HttpPieces::State::waits) return wait(connection);
  }
  queue(connection.id);
}

/// The handler has its time to go on.
void HttpStage::wait(Connection& connection) {
  connection.deadline = broker::after_milliseconds(loop_.now(), limits().answer_milliseconds);
  answers_.push(connection.id, connection.deadline);
}

void HttpStage::queue(broker::ConnectionId id) {
  queue_.push_back(id);
  if (queue_.size() > 1) return;  // the turn is asked for
  loop_.post([](Loop& loop) { loop.connections().http().take_turn(); });
}

void HttpStage::take_turn() {
  for (const broker::ConnectionId id : std::exchange(queue_, {})) {
    Connection* const connection = connections_.find(id);
    if (connection == nullptr || !is_closing(connection->state) || !is_sending(*connection)) {
      continue;
    }
    if (connection->pending == nullptr) send_more(*connection);
  }
}

const HttpLimits& HttpStage::limits() const noexcept { return loop_.options().http; }

std::size_t HttpStage::bytes_left_in_turn() noexcept {
  if (turn_ != loop_.turns().number()) turn_bytes_ = 0;
  turn_ = loop_.turns().number();
  return turn_bytes_ < limits().turn_bytes_max ? limits().turn_bytes_max - turn_bytes_ : 0;
}

void HttpStage::tick() {
  while (const auto id = answers_.pop(loop_.now())) expire(*id);
}

/// A handler did not answer, or did not go on, within its time; another entry stands for a deadline
/// that was moved.
void HttpStage::expire(broker::ConnectionId id) {
  Connection* const connection = connections_.find(id);
  if (connection == nullptr || connection->http == nullptr) return;
  if (connection->deadline.milliseconds == 0 || connection->deadline > loop_.now()) return;
  if (connection->state == State::http_answer) {
    return refuse(*connection, {503, "The answer did not come in time.", {}});
  }
  if (!is_closing(connection->state) || !is_sending(*connection)) return;
  connections_.note(*connection, broker::Event::http_answer_timeout, "Connection from ",
                    " closed: the rest of its HTTP answer did not come in time.");
  connections_.destroy(*connection);
}

}  // namespace transport
