#include "broker/server/http/api_routes.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "broker/core/text.h"
#include "broker/server/http/page_files.h"

namespace server {
namespace {

using broker::concat;
using transport::HttpAnswer;
using transport::HttpCall;
using transport::HttpReply;
using transport::HttpRequest;
using Made = std::expected<ApiCall, std::string>;

constexpr std::string_view id_part = "{id}";

/// The parameters of a query that become words of a question, "KEY=VALUE".
void add_words(ApiCall& call, const HttpRequest& request,
               std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (auto value = request.parameter(name)) call.words.push_back(concat({name, "=", *value}));
  }
}

bool is_set(const HttpRequest& request, std::string_view name) {
  const auto value = request.parameter(name);
  return value && (*value == "true" || *value == "1");
}

Made status(const HttpRequest& /*request*/, const std::string& /*id*/) {
  return ApiCall{.kind = ApiCall::Kind::status};
}

Made figures(const HttpRequest& /*request*/, const std::string& /*id*/) {
  return ApiCall{.kind = ApiCall::Kind::figures};
}

Made history(const HttpRequest& /*request*/, const std::string& /*id*/) {
  return ApiCall{.kind = ApiCall::Kind::history};
}

ApiCall question(std::string_view name) {
  return {.kind = ApiCall::Kind::administration, .words = {std::string(name)}};
}

Made top(const HttpRequest& request, const std::string& /*id*/) {
  ApiCall call = question("top");
  add_words(call, request, {"limit"});
  return call;
}

Made clients(const HttpRequest& request, const std::string& /*id*/) {
  ApiCall call = question("clients");
  for (const std::string_view key : {"id", "user", "address", "listener", "version", "connected"}) {
    if (auto pattern = request.parameter(key)) {
      call.words.push_back(concat({"filter=", key, "=", *pattern}));
    }
  }
  add_words(call, request, {"sort", "limit", "after"});
  return call;
}

Made client(const HttpRequest& /*request*/, const std::string& id) {
  ApiCall call = question("client");
  call.words.push_back("of=" + id);
  call.error_status = 404;
  return call;
}

Made forget(const HttpRequest& /*request*/, const std::string& id) {
  ApiCall call = question("sessions");
  call.words.push_back("forget=" + id);
  call.error_status = 404;
  call.done = concat({"forgot the session of client '", broker::cut(id), "'"});
  return call;
}

Made kick(const HttpRequest& request, const std::string& id) {
  if (is_set(request, "forget")) return forget(request, id);
  ApiCall call = question("kick");
  call.words.push_back("of=" + id);
  call.error_status = 404;
  call.done = concat({"disconnected client '", broker::cut(id), "'"});
  return call;
}

Made sessions(const HttpRequest& request, const std::string& /*id*/) {
  ApiCall call = question("sessions");
  add_words(call, request, {"limit", "after"});
  return call;
}

Made retained(const HttpRequest& request, const std::string& /*id*/) {
  ApiCall call = question("retained");
  if (auto filter = request.parameter("filter")) call.words.push_back("of=" + *filter);
  add_words(call, request, {"limit", "after"});
  return call;
}

Made remove_retained(const HttpRequest& request, const std::string& /*id*/) {
  const auto topic = request.parameter("topic");
  if (!topic || topic->empty() || topic->find_first_of("+#") != topic->npos) {
    return std::unexpected("The query needs 'topic': one topic, without + and #.");
  }
  ApiCall call = question("retained");
  call.words.push_back("of=" + *topic);
  call.words.emplace_back("delete");
  call.error_status = 404;
  call.done = concat({"deleted the retained message of '", broker::cut(*topic), "'"});
  return call;
}

ApiCall trace_question(std::string_view order) {
  ApiCall call = question("trace");
  call.words.push_back(concat({"do=", order}));
  return call;
}

Made traces(const HttpRequest& /*request*/, const std::string& /*id*/) {
  return trace_question("list");
}

Made begin_trace(const HttpRequest& request, const std::string& /*id*/) {
  ApiCall call = trace_question("begin");
  add_words(call, request, {"client", "topic", "address"});
  if (is_set(request, "payload")) call.words.emplace_back("payload");
  call.done = "began a trace";
  for (const std::string_view each : {"client", "topic", "address"}) {
    if (auto value = request.parameter(each)) {
      call.done += concat({" of ", each, " '", broker::cut(*value), "'"});
    }
  }
  return call;
}

Made trace(const HttpRequest& request, const std::string& id) {
  ApiCall call = trace_question("read");
  call.words.push_back("of=" + id);
  add_words(call, request, {"after"});
  call.error_status = 404;
  return call;
}

Made end_trace(const HttpRequest& /*request*/, const std::string& id) {
  ApiCall call = trace_question("end");
  call.words.push_back("of=" + id);
  call.error_status = 404;
  return call;
}

Made bans(const HttpRequest& request, const std::string& /*id*/) {
  ApiCall call = question("bans");
  add_words(call, request, {"limit", "after"});
  return call;
}

Made lift_ban(const HttpRequest& request, const std::string& /*id*/) {
  const auto address = request.parameter("address");
  if (!address || address->empty()) {
    return std::unexpected("The query needs 'address': the one of a ban, or one of its network.");
  }
  ApiCall call = question("bans");
  call.words.push_back("lift=" + *address);
  call.error_status = 404;
  call.done = concat({"lifted the ban of ", broker::cut(*address)});
  return call;
}

Made backups(const HttpRequest& /*request*/, const std::string& /*id*/) {
  return ApiCall{.kind = ApiCall::Kind::backups};
}

Made back_up(const HttpRequest& /*request*/, const std::string& /*id*/) {
  return ApiCall{.kind = ApiCall::Kind::back_up};
}

using auth::Role;

constexpr auto rows = std::to_array<ApiRoute>({
    {.method = "GET", .path = "/openapi.json", .answer = ApiRoute::Answer::document},
    {.method = "POST", .path = "/login", .answer = ApiRoute::Answer::log_in},
    {.method = "POST", .path = "/logout", .answer = ApiRoute::Answer::log_out},
    {.method = "GET", .path = "/session", .answer = ApiRoute::Answer::session},
    {.method = "GET", .path = "/status", .make = status},
    {.method = "GET", .path = "/figures", .make = figures},
    {.method = "GET", .path = "/history", .make = history},
    {.method = "GET", .path = "/top", .make = top},
    {.method = "GET", .path = "/clients", .make = clients},
    {.method = "GET", .path = "/clients/{id}", .make = client},
    {.method = "DELETE", .path = "/clients/{id}", .role = Role::admin, .make = kick},
    {.method = "GET", .path = "/sessions", .make = sessions},
    {.method = "DELETE", .path = "/sessions/{id}", .role = Role::admin, .make = forget},
    {.method = "GET", .path = "/retained", .make = retained},
    {.method = "DELETE", .path = "/retained", .role = Role::admin, .make = remove_retained},
    {.method = "GET", .path = "/bans", .make = bans},
    {.method = "DELETE", .path = "/bans", .role = Role::admin, .make = lift_ban},
    {.method = "GET", .path = "/backups", .make = backups},
    {.method = "POST", .path = "/backups", .role = Role::admin, .make = back_up},
    {.method = "GET", .path = "/traces", .role = Role::admin, .make = traces},
    {.method = "POST", .path = "/traces", .role = Role::admin, .make = begin_trace},
    {.method = "GET", .path = "/traces/{id}", .role = Role::admin, .make = trace},
    {.method = "DELETE", .path = "/traces/{id}", .role = Role::admin, .make = end_trace},
});

/// The text in the place of "{id}", decoded; empty if the route has none. Nothing: the path is
/// another one.
std::optional<std::string> fit(const ApiRoute& route, std::string_view path) {
  if (!route.path.ends_with(id_part)) {
    return path == route.path ? std::optional<std::string>("") : std::nullopt;
  }
  const std::string_view before = route.path.substr(0, route.path.size() - id_part.size());
  if (!path.starts_with(before)) return std::nullopt;
  const std::string_view id = path.substr(before.size());
  if (id.empty() || id.contains('/')) return std::nullopt;
  return transport::percent_decoded(id);
}

HttpAnswer ask(const std::shared_ptr<Desk>& desk, const HttpReply& reply, ApiCall call) {
  Question question;
  question.kind = Question::Kind::api;
  question.reply = reply;
  question.api = std::make_shared<const ApiCall>(std::move(call));
  if (desk->ask(question)) return transport::HttpLater{};
  return json_refusal(503, "Too many requests wait for the broker's answer.");
}

HttpAnswer show_session(const Admin& admin) {
  using Json = nlohmann::ordered_json;
  const Json json = {{"name", admin.name}, {"role", auth::name_of(admin.role)}};
  return json_response(200, json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

/// Answers a request that fits a route.
HttpAnswer answer(const ApiRoute& route, const std::string& id, HttpCall& call,
                  const HttpReply& reply, const std::shared_ptr<Desk>& desk, const Gate& gate) {
  using enum ApiRoute::Answer;
  if (route.answer == document) return json_response(200, std::string(openapi_document()));
  if (route.method != "GET") {
    if (auto refusal = Gate::suspect(call.request)) return std::move(*refusal);
  }
  if (route.answer == log_in) return gate.log_in(call, reply);
  if (route.answer == log_out) return gate.log_out(call);
  if (route.answer == session) return gate.admit(call, reply, route.role, show_session);
  auto made = route.make(call.request, id);
  if (!made) return json_refusal(400, made.error());
  return gate.admit(call, reply, route.role,
                    [desk, reply, made = std::move(*made),
                     address = call.client](const Admin& admin) mutable -> HttpAnswer {
                      made.by = by_text(admin, address);
                      return ask(desk, reply, std::move(made));
                    });
}

}  // namespace

std::span<const ApiRoute> api_routes() noexcept { return rows; }

transport::HttpHandler api_handler(const std::shared_ptr<Desk>& desk,
                                   const std::shared_ptr<const Gate>& gate) {
  return [desk, gate](HttpCall& call, const HttpReply& reply) -> HttpAnswer {
    if (!gate->admins().is_on()) {
      return json_refusal(404, "The API is off: the option admin_file names its users.");
    }
    const std::string_view path = call.request.path().substr(api_prefix.size());
    const std::string_view asked = call.request.method;
    const std::string_view method = asked == "HEAD" ? "GET" : asked;
    std::string allowed;
    for (const ApiRoute& route : rows) {
      const auto id = fit(route, path);
      if (!id) continue;
      if (route.method == method) return answer(route, *id, call, reply, desk, *gate);
      allowed += concat({allowed.empty() ? "" : ", ", route.method});
    }
    if (allowed.empty()) {
      return json_refusal(404, "The API has no such path: /api/v1/openapi.json lists all.");
    }
    auto refusal = json_refusal(405, concat({"This path answers ", allowed, " only."}));
    refusal.fields += concat({"Allow: ", allowed, "\r\n"});
    return refusal;
  };
}

}  // namespace server
