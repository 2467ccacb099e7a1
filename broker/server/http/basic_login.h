// broker/server/http/basic_login.h
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "broker/core/access.h"
#include "broker/core/secret.h"
#include "transport/http_handler.h"

namespace server {

/// A user name with a password.
struct Credentials {
  std::string name;
  broker::Secret password;
};

/// The credentials of "Authorization: Basic ...".
///
/// Returns   Nothing if there are none, or if they are malformed.
/// Source    RFC 7617.
[[nodiscard]] std::optional<Credentials> basic_credentials(const transport::HttpRequest& request);

/// Has a login checked as that of a client, by the users of the listener, and answers later.
///
/// `credentials`: nothing asks for an anonymous login. `then` makes the answer of the verdict, on
/// the thread of the loop; it never declines.
[[nodiscard]] transport::HttpAnswer check_login(
    const transport::HttpCall& call, const transport::HttpReply& reply,
    std::optional<Credentials> credentials,
    std::function<transport::HttpAnswer(const broker::Verdict&)> then);

}  // namespace server
