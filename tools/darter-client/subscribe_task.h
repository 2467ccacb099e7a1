#pragma once

#include <memory>

#include "tools/darter-client/session.h"

namespace shell {

/// darter-sub: subscribes and prints messages until it is told to end.
[[nodiscard]] std::unique_ptr<Task> subscribe_task(const Session& session);

/// darter-rr: subscribes to the response topic, sends the request, prints the response and ends.
[[nodiscard]] std::unique_ptr<Task> request_task(std::string payload);

}  // namespace shell
