#include "broker/server/http/page_files.h"

#include <algorithm>
#include <array>
#include <string>

#include "broker/core/text.h"
#include "broker/server/http/page_texts.h"

namespace server {
namespace {

using transport::HttpAnswer;
using transport::HttpCall;
using transport::HttpReply;

/// A name or an IPv4 address, and so no text that could add a directive to the policy.
bool is_plain_host(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
  });
}

}  // namespace

std::string websocket_sources(std::string_view host) {
  const std::string_view name = host.substr(0, host.rfind(':'));
  // A policy cannot name an IPv6 address.
  if (host.starts_with('[')) return "ws: wss:";
  if (!is_plain_host(name)) return {};
  return broker::concat({"ws://", name, ":* wss://", name, ":*"});
}

namespace {

std::string page_fields(const transport::HttpRequest& request) {
  return broker::concat(
      {"Cache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
       "Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'; "
       "script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ",
       websocket_sources(request.value("host")),
       "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"});
}

}  // namespace

std::span<const PageFile> page_files() noexcept {
  static const std::array<PageFile, 10> files = {{
      {"/", "text/html; charset=utf-8", page_texts::index_html},
      {"/status.css", "text/css; charset=utf-8", page_texts::status_css},
      {"/status.js", "text/javascript; charset=utf-8", page_texts::status_js},
      {"/parts.js", "text/javascript; charset=utf-8", page_texts::parts_js},
      {"/lists.js", "text/javascript; charset=utf-8", page_texts::lists_js},
      {"/trace.js", "text/javascript; charset=utf-8", page_texts::trace_js},
      {"/console.js", "text/javascript; charset=utf-8", page_texts::console_js},
      {"/backups.js", "text/javascript; charset=utf-8", page_texts::backups_js},
      {"/mqtt.js", "text/javascript; charset=utf-8", page_texts::mqtt_js},
      {"/favicon.svg", "image/svg+xml", page_texts::favicon_svg},
  }};
  return files;
}

std::string_view openapi_document() noexcept { return page_texts::openapi_json; }

transport::HttpHandler page_handler(const std::shared_ptr<const Gate>& gate) {
  return [gate](HttpCall& call, const HttpReply& /*reply*/) -> HttpAnswer {
    const std::string_view path = call.request.path();
    for (const PageFile& file : page_files()) {
      if (path != file.path) continue;
      if (!gate->admins().is_on()) {
        return transport::HttpDeclined{
            {{404, "The status page is off: the option admin_file names its users.", {}}}};
      }
      if (call.request.method != "GET" && call.request.method != "HEAD") {
        return transport::HttpRefusal{405, "Only GET and HEAD are answered here.",
                                      "Allow: GET, HEAD\r\n"};
      }
      transport::HttpResponse response;
      response.type = file.type;
      response.fields = page_fields(call.request);
      response.body = file.text;
      return response;
    }
    return transport::HttpDeclined{};
  };
}

}  // namespace server
