// broker/server/http_handlers.h
#pragma once

#include <memory>

#include "broker/core/log.h"
#include "broker/server/component_options.h"
#include "broker/server/http/desk.h"
#include "transport/http_routes.h"

namespace server {

/// The table of a listener: which handler answers which request that opens no WebSocket. Null for a
/// listener that speaks no HTTP. `desk` may be null where there is no http_listener.
/// `log` outlives the table.
[[nodiscard]] std::shared_ptr<const transport::HttpRoutes> http_routes_of(
    const ListenerComponentOptions& configured, const std::shared_ptr<Desk>& desk,
    broker::Log& log);

}  // namespace server
