#include "transport/http_exchange.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>

namespace transport {

namespace {

/// The length of a body by its head; nothing: not a number.
std::optional<std::size_t> number_of(std::string_view text) noexcept {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string hexadecimal(std::size_t value) {
  std::array<char, 2 * sizeof value> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  assert(error == std::errc{});
  static_cast<void>(error);
  return {digits.data(), end};
}

}  // namespace

HttpExchange::HttpExchange(HttpCall call, std::shared_ptr<const HttpRoutes> routes,
                           std::size_t& open)
    : call_(std::move(call)),
      routes_(std::move(routes)),
      open_(open),
      head_only_(call_.request.method == "HEAD"),
      http_1_0_(call_.request.major == 1 && call_.request.minor == 0) {
  assert(routes_ != nullptr);
  ++open_;
}

std::optional<HttpRefusal> HttpExchange::expect_body() {
  const std::size_t most = routes_->body_bytes_max(call_.request.path());
  if (most == 0) return std::nullopt;  // a body is dropped
  if (call_.request.count("transfer-encoding") > 0) {
    return HttpRefusal{411, "The body of a request needs a Content-Length.", {}};
  }
  std::optional<std::size_t> length;
  for (const auto& [name, value] : call_.request.fields) {
    if (name != "content-length") continue;
    const auto number = number_of(value);
    // A proxy and the broker could each believe another one (RFC 9112, section 6.3).
    if (!number || (length && *length != *number)) {
      return HttpRefusal{400, "The Content-Length of the request is malformed.", {}};
    }
    length = number;
  }
  body_bytes_ = length.value_or(0);
  if (body_bytes_ <= most) return std::nullopt;
  return HttpRefusal{
      413, "The body of the request has more than " + std::to_string(most) + " bytes.", {}};
}

bool HttpExchange::wants_continue() const {
  return body_bytes_ > call_.body.size() && !http_1_0_ &&
         call_.request.has_token("expect", "100-continue");
}

bool HttpExchange::read(mqtt::Bytes bytes) {
  const std::size_t missing = body_bytes_ - call_.body.size();
  call_.body.append(mqtt::as_text(bytes.first(std::min(missing, bytes.size()))));
  return call_.body.size() == body_bytes_;
}

HttpAnswer HttpExchange::ask(const HttpReply& reply) {
  assert(!asked_ && call_.body.size() == body_bytes_);
  asked_ = true;
  return routes_->answer(call_, reply);
}

void HttpExchange::answer(HttpResponse response) {
  assert(awaits_answer());
  response_ = std::move(response);
  bounded_ = response_->pieces == nullptr || response_->pieces_bytes.has_value();
  // A client of HTTP/1.0 knows no chunks: for it the end of the connection ends the body.
  chunked_ = !bounded_ && !http_1_0_;
  bytes_left_ = response_->pieces == nullptr ? 0 : response_->pieces_bytes.value_or(0);
  if (head_only_ || !may_have_body()) response_->pieces.reset();
}

/// Whether the status lets a body follow the head (RFC 9110, section 6.4.1).
bool HttpExchange::may_have_body() const noexcept {
  return response_->status != 204 && response_->status != 304;
}

void HttpExchange::write_head(std::string& into) {
  const HttpResponse& response = *response_;
  into += "HTTP/1.1 " + status_line(response.status) + "\r\n";
  if (!response.type.empty()) into += "Content-Type: " + response.type + "\r\n";
  if (chunked_) {
    into += "Transfer-Encoding: chunked\r\n";
  } else if (bounded_ && may_have_body()) {
    into += "Content-Length: " + std::to_string(response.body.size() + bytes_left_) + "\r\n";
  }
  into += response.fields;
  into += "Connection: close\r\n\r\n";
  if (!head_only_ && may_have_body()) frame(into, response.body);
}

void HttpExchange::frame(std::string& into, const std::string& piece) const {
  if (piece.empty()) return;  // an empty chunk would be the last one
  if (!chunked_) {
    into += piece;
    return;
  }
  into += hexadecimal(piece.size());
  into += "\r\n";
  into += piece;
  into += "\r\n";
}

HttpPieces::State HttpExchange::write(std::string& into, std::size_t room) {
  assert(has_more());
  using enum HttpPieces::State;
  if (!std::exchange(head_written_, true)) {
    write_head(into);
    response_->body = {};
    ended_ = response_->pieces == nullptr;
    return ended_ ? end : more;
  }
  std::string piece;
  HttpPieces::State state = response_->pieces->read(piece, room);
  assert(piece.size() <= room);
  if (bounded_) {
    if (piece.size() > bytes_left_) piece.resize(bytes_left_);  // a file that grew meanwhile
    bytes_left_ -= piece.size();
    if (bytes_left_ == 0 && state != failed) state = end;
    if (bytes_left_ > 0 && state == end) state = failed;
  }
  frame(into, piece);
  if (state == more || state == waits) return state;
  if (state == end && chunked_) into += "0\r\n\r\n";
  ended_ = true;
  response_->pieces.reset();
  return state;
}

}  // namespace transport
