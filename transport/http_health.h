// transport/http_health.h
#pragma once

#include "transport/http_handler.h"

namespace transport {

/// Answers the request with which a load balancer asks whether a server is up: OPTIONS, as HAProxy
/// sends it, and GET or HEAD of "/". An error as the answer would make it take the server out. Any
/// other request is declined.
[[nodiscard]] HttpAnswer answer_health_check(HttpCall& call, const HttpReply& reply);

}  // namespace transport
