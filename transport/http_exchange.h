// transport/http_exchange.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "broker/wire/bytes.h"
#include "transport/http_handler.h"
#include "transport/http_routes.h"

namespace transport {

/// One request that opens no WebSocket, from the end of its head to the end of its answer.
///
/// Shape      expect_body() -> read() until it returns true -> ask() -> answer(), now or later ->
///            write() as HttpPieces::read().
/// Invariant  Holds the body of the request up to the bound of its route, of the answer one piece.
/// Lifetime   One per connection: the answer says `Connection: close`. `open` counts the exchanges
///            of a loop and outlives them.
/// Threads    None.
/// Source     RFC 9112, sections 6, 7.1 and 9.6.
class HttpExchange {
 public:
  HttpExchange(HttpCall call, std::shared_ptr<const HttpRoutes> routes, std::size_t& open);
  ~HttpExchange() { --open_; }
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  /// Takes the length of the body out of the request's head.
  ///
  /// Errors    400 for lengths that are no number or contradict each other, 411 for a body of
  ///           unknown length (`Transfer-Encoding`), 413 for one that is too large.
  [[nodiscard]] std::optional<HttpRefusal> expect_body();
  /// Whether the client waits for a `100 Continue` before it sends the body.
  [[nodiscard]] bool wants_continue() const;
  /// Takes bytes of the body. Returns whether it is whole; the rest of the bytes is dropped.
  [[nodiscard]] bool read(mqtt::Bytes bytes);

  /// Asks the handlers. Requires a whole body.
  [[nodiscard]] HttpAnswer ask(const HttpReply& reply);
  /// Whether the handlers were asked, and have not answered.
  [[nodiscard]] bool awaits_answer() const noexcept { return asked_ && !response_; }
  [[nodiscard]] bool is_head() const noexcept { return head_only_; }
  /// The request, as far as no handler has moved parts out of it.
  [[nodiscard]] const HttpRequest& request() const noexcept { return call_.request; }

  /// Takes the answer. Requires awaits_answer().
  void answer(HttpResponse response);
  /// Appends the next bytes for the client: first the head with `body`, then the pieces, each of at
  /// most `room` bytes and in its frame. `failed` also if the pieces end before their
  /// `pieces_bytes`. Requires an answer that has not ended.
  [[nodiscard]] HttpPieces::State write(std::string& into, std::size_t room);
  /// Whether write() has more to do, now or later.
  [[nodiscard]] bool has_more() const noexcept { return response_.has_value() && !ended_; }

 private:
  [[nodiscard]] bool may_have_body() const noexcept;
  void write_head(std::string& into);
  void frame(std::string& into, const std::string& piece) const;

  HttpCall call_;
  std::shared_ptr<const HttpRoutes> routes_;
  std::size_t& open_;
  std::size_t body_bytes_ = 0;  // of the request
  bool asked_ = false;
  bool head_only_;
  bool http_1_0_;
  std::optional<HttpResponse> response_;
  std::uint64_t bytes_left_ = 0;  // of the pieces, unless it is chunked
  bool chunked_ = false;
  bool bounded_ = true;  // bytes_left_ counts
  bool head_written_ = false;
  bool ended_ = false;
};

}  // namespace transport
