// transport/http_health.h
#pragma once

#include <optional>
#include <string>

#include "transport/http.h"

namespace transport {

/// Answers the request with which a load balancer asks whether a server is up: OPTIONS, as HAProxy
/// sends it, and GET or HEAD of "/". An error as the answer would make it take the server out.
///
/// Requires  A request that opens no WebSocket: the client is to learn of an Upgrade header that a
///           proxy has dropped.
/// Returns   The whole response, or nothing for any other request.
[[nodiscard]] std::optional<std::string> answer_health_check(const HttpRequest& request);

}  // namespace transport
