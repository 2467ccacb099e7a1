// transport/http_handler.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "broker/core/access.h"
#include "broker/core/ids.h"
#include "broker/core/login_done.h"
#include "transport/http.h"
#include "transport/peer_address.h"

namespace transport {

class Loop;

/// A body that a handler makes in pieces.
///
/// Shape      read() as long as it returns `more`. After `waits` the handler calls
///            HttpReply::go_on(), and read() is called again. After `end` or `failed`: no more.
/// Order      read() is called when the client has taken the piece before: a client that reads
///            slowly slows its own pieces, and no memory piles up.
/// Lifetime   Destroyed on the thread of its loop at the end of the answer, or when the client is
///            gone: the destructor is how a handler hears of that.
/// Threads    read() is called on the thread of the connection's loop. It must not block for long.
class HttpPieces {
 public:
  HttpPieces() = default;
  virtual ~HttpPieces() = default;
  HttpPieces(const HttpPieces&) = delete;
  HttpPieces& operator=(const HttpPieces&) = delete;

  enum class State : std::uint8_t {
    more,    ///< there is more to read
    waits,   ///< nothing is there now
    end,     ///< this piece, which may be empty, is the last one
    failed,  ///< the body cannot be completed: the connection breaks, so that the client knows
  };
  /// Appends the next piece to `into`: at most `room` bytes.
  [[nodiscard]] virtual State read(std::string& into, std::size_t room) = 0;
};

/// The answer to a request: `body`, and behind it the pieces, if there are any.
struct HttpResponse {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";  // Content-Type; empty: none
  std::string fields;                              // further header lines, each with its CR LF
  std::string body;
  std::unique_ptr<HttpPieces> pieces;
  std::optional<std::uint64_t> pieces_bytes;  // of all pieces; nothing: not known before their end
};

/// A whole request, as a handler gets it. The handler may move parts out of it unless it declines.
struct HttpCall {
  HttpRequest request;
  std::string body;
  PeerAddress client;          // named by a trusted proxy, or the peer of the socket
  std::uint16_t listener = 0;  // its number
};

/// The way back to a request that is answered later.
///
/// Lifetime   A value; to be let go of before the Loops object is destroyed. It may outlive the
///            request: then its calls do nothing.
/// Threads    Any.
class HttpReply {
 public:
  HttpReply() = default;
  HttpReply(Loop& loop, broker::ConnectionId connection) : loop_(&loop), connection_(connection) {}

  /// Answers the request. Only the first answer counts.
  void answer(HttpResponse response) const;
  void refuse(HttpRefusal refusal) const;
  /// Judges a login as that of a client is judged: by the users of its listener, away from the
  /// loop, and against its address if it is wrong. A banned address is refused without a check.
  ///
  /// `done` is called on the thread of the loop, maybe before this returns; not at all if the loop
  /// ends. Requires the thread of the loop: a handler's.
  void check_login(broker::LoginRequest request, broker::LoginDone done) const;
  /// A source that returned `waits` from read() has more, or has ended.
  void go_on() const;

 private:
  Loop* loop_ = nullptr;
  broker::ConnectionId connection_;
};

/// The handler keeps the HttpReply, and answers through it within HttpLimits::answer_milliseconds.
struct HttpLater {};
/// The request is for the next handler that fits. If none answers, `otherwise` is the answer.
struct HttpDeclined {
  std::optional<HttpRefusal> otherwise;
};
/// A refusal is logged with its text, a response is not.
using HttpAnswer = std::variant<HttpResponse, HttpRefusal, HttpLater, HttpDeclined>;

/// Answers requests at once, or returns HttpLater and answers through `reply`.
///
/// Threads    Called on the threads of the loops, on several at a time. It must not block for long.
using HttpHandler = std::function<HttpAnswer(HttpCall& call, const HttpReply& reply)>;

}  // namespace transport
