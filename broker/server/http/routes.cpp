#include "broker/server/http/routes.h"

#include <string>
#include <string_view>

#include "broker/server/http/accept.h"
#include "broker/server/http/api_routes.h"
#include "broker/server/http/page_files.h"

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

HttpAnswer answer_ready(Desk& desk, HttpCall& call, const HttpReply& reply) {
  if (!is_for(call, "/readyz")) return transport::HttpDeclined{};
  if (!only_reads(call)) return wrong_method();
  Question question;
  question.kind = Question::Kind::ready;
  question.reply = reply;
  return ask(desk, question);
}

HttpAnswer answer_metrics(const std::shared_ptr<Desk>& desk, const Gate& gate, HttpCall& call,
                          const HttpReply& reply) {
  if (!is_for(call, "/metrics")) return transport::HttpDeclined{};
  if (!only_reads(call)) return wrong_method();
  Question question;
  question.form = form_wanted(call.request);
  question.reply = reply;
  if (!gate.admins().is_on()) return ask(*desk, question);
  return gate.admit(call, reply, auth::Role::read_only,
                    [desk, question](const Admin& /*admin*/) { return ask(*desk, question); });
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

std::vector<transport::HttpRoutes::Route> own_routes(const std::shared_ptr<Desk>& desk,
                                                     const std::shared_ptr<const Gate>& gate) {
  constexpr std::size_t login_bytes_max = 4096;
  return {{.prefix = "/metrics",
           .handler =
               [desk, gate](HttpCall& call, const HttpReply& reply) {
                 return answer_metrics(desk, *gate, call, reply);
               }},
          {.prefix = "/healthz", .handler = answer_alive},
          {.prefix = "/readyz",
           .handler = [desk](HttpCall& call,
                             const HttpReply& reply) { return answer_ready(*desk, call, reply); }},
          {.prefix = std::string(api_prefix),
           .handler = api_handler(desk, gate),
           .body_bytes_max = login_bytes_max},
          {.prefix = "", .handler = page_handler(gate)}};
}

}  // namespace server
