#include "broker/server/http/mosquitto_api.h"

#include <array>
#include <string_view>
#include <utility>

#include "broker/server/http/basic_login.h"
#include "transport/http_files.h"

namespace server {
namespace {

using transport::HttpAnswer;
using transport::HttpCall;
using transport::HttpRefusal;
using transport::HttpReply;

struct MosquittoPath {
  std::string_view path;
  ApiCall::Kind kind;
};
constexpr auto mosquitto_paths = std::to_array<MosquittoPath>({
    {"/api/v1/version", ApiCall::Kind::mosquitto_version},
    {"/api/v1/listeners", ApiCall::Kind::mosquitto_listeners},
    {"/api/v1/systree", ApiCall::Kind::mosquitto_systree},
});

/// Whether a login holds, and allows the path.
bool may_read(const broker::Verdict& verdict, const HttpCall& call) {
  if (verdict.reason != mqtt::Reason::success) return false;
  if (verdict.permissions == nullptr) return true;
  const std::string address = call.client.text();
  return verdict.permissions->allows(broker::Access::receive, call.request.path(),
                                     {.client_id = "http-api", .address = address});
}

HttpAnswer answer_api(Desk& desk, const HttpCall& call, const HttpReply& reply) {
  for (const MosquittoPath& each : mosquitto_paths) {
    if (call.request.path() != each.path) continue;
    Question question;
    question.kind = Question::Kind::api;
    question.reply = reply;
    question.api = std::make_shared<const ApiCall>(ApiCall{.kind = each.kind});
    if (desk.ask(question)) return transport::HttpLater{};
    return HttpRefusal{503, "Too many requests wait for the broker's answer.", {}};
  }
  return HttpRefusal{404, "Not found.", {}};
}

}  // namespace

transport::HttpHandler mosquitto_api_handler(const std::shared_ptr<Desk>& desk,
                                             const std::string& http_dir) {
  transport::HttpHandler files;
  if (!http_dir.empty()) files = transport::file_handler(http_dir);
  return [desk, files](HttpCall& call, const HttpReply& reply) -> HttpAnswer {
    if (call.request.method != "GET" && call.request.method != "HEAD") {
      return HttpRefusal{405, "Invalid HTTP Method", "Allow: GET, HEAD\r\n"};
    }
    return check_login(call, reply, basic_credentials(call.request),
                       [desk, files, call, reply](const broker::Verdict& verdict) -> HttpAnswer {
                         if (!may_read(verdict, call)) {
                           return HttpRefusal{
                               401, "Not authorised",
                               "WWW-Authenticate: Basic realm=\"Mosquitto API\"\r\n"};
                         }
                         if (call.request.path().starts_with("/api/")) {
                           return answer_api(*desk, call, reply);
                         }
                         if (files == nullptr) return HttpRefusal{404, "Not found.", {}};
                         HttpCall own = call;
                         HttpAnswer answer = files(own, reply);
                         auto* const declined = std::get_if<transport::HttpDeclined>(&answer);
                         if (declined == nullptr) return answer;
                         return declined->otherwise.value_or(HttpRefusal{404, "Not found.", {}});
                       });
  };
}

}  // namespace server
