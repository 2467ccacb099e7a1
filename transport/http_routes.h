// transport/http_routes.h
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "transport/http_handler.h"

namespace transport {

/// Which handler answers which path: the requests of a listener that open no WebSocket.
///
/// Order      The handler of the longest prefix comes first; of equal prefixes, the one that was
///            given first. A handler that declines leaves the request to the next one.
/// Lifetime   Immutable; Listener::set_http() puts another one in force.
/// Threads    Any.
class HttpRoutes {
 public:
  struct Route {
    std::string prefix;  // "/api" fits "/api" and "/api/...", not "/apis"; "" fits every path
    HttpHandler handler;
    std::size_t body_bytes_max = 0;  // of a request; 0: bodies are not read
  };

  explicit HttpRoutes(std::vector<Route> routes);

  /// How large the body of a request may be: as the first handler for the path says.
  [[nodiscard]] std::size_t body_bytes_max(std::string_view path) const noexcept;
  /// Asks the handlers for the path of a request.
  ///
  /// Returns   An answer; HttpDeclined if no handler has one.
  [[nodiscard]] HttpAnswer answer(HttpCall& call, const HttpReply& reply) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace transport
