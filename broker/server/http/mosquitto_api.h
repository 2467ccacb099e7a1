// broker/server/http/mosquitto_api.h
#pragma once

#include <memory>
#include <string>

#include "broker/server/http/desk.h"
#include "transport/http_handler.h"

namespace server {

/// The handler of a listener with `protocol http_api`, as Mosquitto 2.1 has it.
///
/// Shape      /api/v1/version, /api/v1/listeners and /api/v1/systree; all other paths are files of
///            `http_dir`, if that is not empty. Only GET, and HEAD.
/// Invariant  A request needs the login that a client of the listener needs, by HTTP's basic
///            authentication, and the right to read its path as a topic.
[[nodiscard]] transport::HttpHandler mosquitto_api_handler(const std::shared_ptr<Desk>& desk,
                                                           const std::string& http_dir);

}  // namespace server
