// broker/server/http/page_files.h
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "broker/server/http/gate.h"
#include "transport/http_handler.h"

namespace server {

/// A file of the status page, compiled into the program from broker/server/http/page.
struct PageFile {
  std::string_view path;  // of its request
  std::string_view type;  // Content-Type
  std::string_view text;
};
[[nodiscard]] std::span<const PageFile> page_files() noexcept;

/// openapi.json: the documented form of the API.
[[nodiscard]] std::string_view openapi_document() noexcept;

/// The sources that connect-src of the page's policy has besides 'self': WebSockets of any port of
/// the page's own host, for its console. `host` is that of the request, with or without a port;
/// of one that a policy cannot name, all WebSockets; of one that is none, nothing.
[[nodiscard]] std::string websocket_sources(std::string_view host);

/// The handler of the paths of page_files(). It declines all paths while there is no admin_file.
///
/// The files hold no data of the broker, so they need no login. Their Content-Security-Policy
/// allows scripts and styles of these paths, nothing inline, nothing of other sites, and WebSockets
/// of this host.
[[nodiscard]] transport::HttpHandler page_handler(const std::shared_ptr<const Gate>& gate);

}  // namespace server
