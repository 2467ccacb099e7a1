// broker/server/http/gate.h
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "auth/role.h"
#include "broker/core/log.h"
#include "broker/server/http/admins.h"
#include "transport/http_handler.h"

namespace server {

/// The login of one http_listener: by a session's cookie, or by HTTP's basic authentication.
///
/// Shape      A password is checked as that of a client is: away from the loop, late if the user
///            failed before, and against the address of the client.
/// Invariant  A page of another site changes nothing: changes need the header field
///            X-Darter-Request, which a browser lets no foreign page send, and an Origin, if there
///            is one, of this host. The cookie is SameSite=Strict and HttpOnly.
/// Lifetime   `log` outlives it.
/// Threads    Those of the loops, several at a time.
/// Source     RFC 6265, RFC 7617, RFC 6454.
class Gate {
 public:
  /// Answers the request of an administrator, on the thread of the loop.
  using Then = std::function<transport::HttpAnswer(const Admin& admin)>;

  /// `secure`: browsers reach the listener by TLS.
  Gate(std::shared_ptr<Admins> admins, broker::Log& log, bool secure)
      : admins_(std::move(admins)), log_(log), secure_(secure) {}

  [[nodiscard]] const Admins& admins() const noexcept { return *admins_; }
  /// Why the request may come from a page of another site. Nothing: it does not.
  [[nodiscard]] static std::optional<transport::HttpRefusal> suspect(
      const transport::HttpRequest& request);
  /// Calls `then` now or later if the request comes from a user with that role; or 401, or 403.
  [[nodiscard]] transport::HttpAnswer admit(const transport::HttpCall& call,
                                            const transport::HttpReply& reply, auth::Role needed,
                                            Then then) const;
  /// Opens a session. The body is `{"name": ..., "password": ...}`.
  [[nodiscard]] transport::HttpAnswer log_in(transport::HttpCall& call,
                                             const transport::HttpReply& reply) const;
  [[nodiscard]] transport::HttpAnswer log_out(const transport::HttpCall& call) const;

 private:
  std::shared_ptr<Admins> admins_;
  broker::Log& log_;
  bool secure_;
};

/// The header fields of each answer with data.
inline constexpr std::string_view data_fields =
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
/// An answer in JSON.
[[nodiscard]] transport::HttpResponse json_response(unsigned status, std::string json);
/// A refusal in JSON.
[[nodiscard]] transport::HttpRefusal json_refusal(unsigned status, std::string text);
/// The administrator of a change, for the log: "'NAME' (ADDRESS)".
[[nodiscard]] std::string by_text(const Admin& admin, const transport::PeerAddress& address);

}  // namespace server
