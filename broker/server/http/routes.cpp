#include "broker/server/http/routes.h"

#include <string_view>

#include "broker/server/http/accept.h"

namespace server {
namespace {

using transport::HttpAnswer;
using transport::HttpCall;
using transport::HttpRefusal;
using transport::HttpReply;

/// Whether a request is for that path, and for none below it.
bool is_for(const HttpCall& call, std::string_view path) { return call.request.path() == path; }

bool only_reads(const HttpCall& call) {
  return call.request.method == "GET" || call.request.method == "HEAD";
}

HttpRefusal wrong_method() {
  return {405, "Only GET and HEAD are answered here.", "Allow: GET, HEAD\r\n"};
}

HttpAnswer ask(Desk& desk, const Question& question) {
  if (desk.ask(question)) return transport::HttpLater{};
  return HttpRefusal{503, "Too many requests wait for the broker's figures.", "Retry-After: 1\r\n"};
}

transport::HttpHandler asks(const std::shared_ptr<Desk>& desk, std::string_view path,
                            Question::Kind kind) {
  return [desk, path, kind](HttpCall& call, const HttpReply& reply) -> HttpAnswer {
    if (!is_for(call, path)) return transport::HttpDeclined{};
    if (!only_reads(call)) return wrong_method();
    return ask(*desk, {kind, form_wanted(call.request), reply});
  };
}

HttpAnswer answer_alive(HttpCall& call, const HttpReply& /*reply*/) {
  if (!is_for(call, "/healthz")) return transport::HttpDeclined{};
  if (!only_reads(call)) return wrong_method();
  transport::HttpResponse response;
  response.fields = "Cache-Control: no-store\r\n";
  response.body = "ok\n";
  return response;
}

}  // namespace

std::vector<transport::HttpRoutes::Route> own_routes(const std::shared_ptr<Desk>& desk) {
  return {{.prefix = "/metrics", .handler = asks(desk, "/metrics", Question::Kind::metrics)},
          {.prefix = "/healthz", .handler = answer_alive},
          {.prefix = "/readyz", .handler = asks(desk, "/readyz", Question::Kind::ready)}};
}

}  // namespace server
