// broker/server/http/routes.h
#pragma once

#include <memory>
#include <vector>

#include "broker/server/http/desk.h"
#include "broker/server/http/gate.h"
#include "transport/http_routes.h"

namespace server {

/// The paths of an http_listener: /metrics, /healthz and /readyz; and with an admin_file the API,
/// below api_prefix, and the status page.
///
/// /metrics  Needs a login if there is an admin_file.
/// /healthz  Answered by the loop of the connection, at once: a broker that answers is alive.
/// /readyz   200 if the broker serves its clients; 503 with a line for each reason why not.
[[nodiscard]] std::vector<transport::HttpRoutes::Route> own_routes(
    const std::shared_ptr<Desk>& desk, const std::shared_ptr<const Gate>& gate);

}  // namespace server
