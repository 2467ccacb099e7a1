#include "broker/server/http_handlers.h"

#include <utility>
#include <vector>

#include "broker/server/http/gate.h"
#include "broker/server/http/mosquitto_api.h"
#include "broker/server/http/routes.h"
#include "transport/http_files.h"
#include "transport/http_health.h"

namespace server {

std::shared_ptr<const transport::HttpRoutes> http_routes_of(
    const ListenerComponentOptions& configured, const std::shared_ptr<Desk>& desk,
    broker::Log& log) {
  const transport::ListenerOptions& listener = configured.options;
  if (!transport::speaks_http(listener.protocol)) return nullptr;
  std::vector<transport::HttpRoutes::Route> routes;
  if (configured.mosquitto_api && desk != nullptr) {
    routes.push_back({.prefix = "", .handler = mosquitto_api_handler(desk, listener.http_dir)});
    return std::make_shared<transport::HttpRoutes>(std::move(routes));
  }
  if (listener.protocol == transport::Protocol::http && desk != nullptr) {
    routes = own_routes(desk, std::make_shared<const Gate>(desk->admins(), log, listener.tls));
  }
  if (!listener.http_dir.empty()) {
    routes.push_back({.prefix = "", .handler = transport::file_handler(listener.http_dir)});
  }
  routes.push_back({.prefix = "", .handler = transport::answer_health_check});
  return std::make_shared<transport::HttpRoutes>(std::move(routes));
}

}  // namespace server
